/**
 * Listens under one name until it is closed: registers it, opens a stream for each offer, and reconnects after a loss.
 */
import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { abortReason, Backoff, callObserver, isError, onAbort, pause, reasonText } from "@trunkline/base";
import { type BackoffOptions, type Channel, type ClientCall, GrpcError, Status } from "@trunkline/grpc";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import type { AbortSignalLike, Clock, WaitOptions } from "@trunkline/streams";
import { iterate, ReceiveQueue } from "@trunkline/streams/kit";
import type { ResolvedEndToEnd } from "../end-to-end/options.js";
import type { ListenRequestSchema, ListenResponse, Offer } from "../gen/trunkline/v1/exchange_pb.js";
import type { ResumptionEvent } from "../session/resumption.js";
import { exchangeFeatures } from "../stream/features.js";
import { metadataToFields } from "../stream/fields.js";
import type { LivenessOptions } from "../stream/liveness.js";
import { peerKey } from "../stream/peer-key.js";
import type { RouterStream } from "../stream/router-stream.js";
import type { Channels } from "./channels.js";
import { exchangeClient } from "./clients.js";
import { HealthReports } from "./health-reports.js";
import { HeartbeatWatch } from "./heartbeat-watch.js";
import { openInvited, secureInvited } from "./open-invited.js";
import type { Sessions } from "./sessions.js";

/** The state of a listener. */
export type ListenerState =
  /** The exchange has confirmed the name, for the first time or again. */
  | { readonly kind: "listening" }
  /** The connection to the exchange was lost, or could not be made again; the next attempt is in `retryInMs`. */
  | { readonly kind: "reconnecting"; readonly cause: Error; readonly retryInMs: number }
  /** A stream was offered and lost: it could not be opened, or as many streams as may already waited for `accept`. */
  | { readonly kind: "missed"; readonly cause: Error }
  /** The listener has ended, by `close()` or because of an error that another attempt would only meet again. */
  | { readonly kind: "closed"; readonly cause: Error | undefined };

/** A listener under a name, which accepts the streams of diallers. */
export interface Listener extends AsyncIterable<RouterStream>, AsyncDisposable {
  readonly name: string;
  /**
   * Returns the next stream; undefined after `close()`.
   * @throws GrpcError with which the listener has ended: UNAUTHENTICATED, ABORTED (another listener has taken the
   * name), …; BusyStreamError while another `accept` waits
   */
  accept(options?: WaitOptions): Promise<RouterStream | undefined>;
  /**
   * Tells the exchange that streams should not come here, since what is behind this listener is not well, and why; or
   * with `undefined` that they may. Meanwhile diallers are sent to other listeners of the name, or get UNAVAILABLE with
   * the reason. It is told again after each loss of the exchange; one that does not know of health offers streams as
   * before.
   */
  setProblem(problem: string | undefined): void;
  /**
   * Gives the name back and aborts the streams that wait for `accept`; accepted ones go on. Idempotent; never rejects.
   */
  close(): Promise<void>;
}

export interface NameListenerOptions {
  readonly channels: Channels;
  readonly sessions: Sessions;
  /** The identity of this listener for TLS inside its streams. */
  readonly endToEnd: ResolvedEndToEnd | undefined;
  /** True lets diallers make sessions of their streams. */
  readonly resume: boolean;
  readonly onResumption: ((event: ResumptionEvent) => void) | undefined;
  authorization(): Promise<MetadataInit>;
  readonly metadata: Metadata;
  readonly maxWaitingStreams: number;
  readonly problem: string | undefined;
  readonly liveness: LivenessOptions;
  readonly onState: ((state: ListenerState) => void) | undefined;
  readonly backoff: BackoffOptions | undefined;
  readonly clock: Clock;
  onClosed(): void;
}

/** The time for the exchange to confirm a name, from the start of the call. */
const confirmTimeoutMs = 20_000;
/** The time for a dialler to be heard whose stream was offered, as long as an exchange lets one wait by default. */
const meetMs = 30_000;
/** The time after which a session counts as a good one: the next failure is a first one again. */
const goodSessionMs = 10_000;

/** The handshakes of end-to-end TLS at once: a burst, in some 50 MB. */
const maxHandshakes = 256;

/** The statuses that another attempt would only meet again. */
const finalStatuses: ReadonlySet<Status> = new Set([
  Status.UNAUTHENTICATED,
  Status.PERMISSION_DENIED,
  Status.INVALID_ARGUMENT,
  Status.ALREADY_EXISTS,
  Status.UNIMPLEMENTED,
  Status.ABORTED,
]);

interface Session {
  readonly call: ClientCall<MessageInitShape<typeof ListenRequestSchema>, ListenResponse>;
  readonly channel: Channel;
  readonly heartbeatMs: number;
}

export class NameListener implements Listener {
  readonly name: string;
  /** The name of this listener, by which the exchange knows it when it comes back to a name that it shares. */
  readonly #peerId: string = randomUUID();
  readonly #options: NameListenerOptions;
  readonly #backoff: Backoff;
  readonly #streams: ReceiveQueue<RouterStream> = new ReceiveQueue();
  /** The number of streams that are being opened. */
  #opening = 0;
  #call: Session["call"] | undefined;
  #closed = false;
  #forgetSignal: (() => void) | undefined;
  /** Fires when the listener has ended. */
  readonly #ended: AbortController = new AbortController();
  readonly #health: HealthReports;

  constructor(name: string, options: NameListenerOptions) {
    this.name = name;
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
    this.#health = new HealthReports(name, this.#peerId, options);
  }

  /**
   * Registers for the first time. Errors are thrown here, and not met by further attempts. @throws GrpcError, or the
   * signal's reason
   */
  async begin(signal: AbortSignalLike | undefined): Promise<void> {
    try {
      if (signal !== undefined) {
        if (signal.aborted) throw abortReason(signal);
        this.#forgetSignal = onAbort(signal, () => void this.close());
      }
      const session = await this.#register(false);
      this.#tell({ kind: "listening" });
      void this.#run(session);
    } catch (error) {
      this.#end(undefined);
      throw signal?.aborted ? abortReason(signal) : error;
    }
  }

  accept(options?: WaitOptions): Promise<RouterStream | undefined> {
    return this.#streams.take(options);
  }

  setProblem(problem: string | undefined): void {
    this.#health.set(problem);
  }

  [Symbol.asyncIterator](): AsyncIterator<RouterStream, undefined> {
    return iterate(() => this.accept());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    while (this.#streams.size > 0)
      (await this.#streams.take())?.abort(new GrpcError(Status.UNAVAILABLE, "the listener was closed"));
    this.#end(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(cause: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetSignal?.();
    this.#health.stop();
    this.#call?.cancel("the listener was closed");
    this.#ended.abort(new GrpcError(Status.UNAVAILABLE, "the listener was closed"));
    this.#streams.end(cause);
    this.#tell({ kind: "closed", cause });
    this.#options.onClosed();
  }

  /** Runs one session after the other until the listener has ended. */
  async #run(first: Session): Promise<void> {
    const { clock } = this.#options;
    let session: Session | undefined = first;
    while (!this.#closed) {
      let cause: Error;
      try {
        if (session === undefined) {
          session = await this.#register(true);
          this.#tell({ kind: "listening" });
        }
        const startedAtMs = clock.nowMs();
        cause = await this.#takeOffers(session);
        if (clock.nowMs() - startedAtMs >= goodSessionMs) this.#backoff.reset();
      } catch (error) {
        cause = error as Error;
      }
      session = undefined;
      if (this.#closed) return;
      if (!(cause instanceof GrpcError) || finalStatuses.has(cause.status)) {
        this.#end(cause);
        return;
      }
      const retryInMs = Math.round(this.#backoff.next());
      this.#tell({ kind: "reconnecting", cause, retryInMs });
      await pause(clock, retryInMs, "work", this.#ended.signal);
    }
  }

  /** Registers the name. @throws GrpcError, and the errors of the token's function */
  async #register(waitForReady: boolean): Promise<Session> {
    const { channels, authorization, metadata, resume, endToEnd, clock } = this.#options;
    const callMetadata = Metadata.from(await authorization()).clone();
    callMetadata.set(peerKey, this.#peerId);
    const channel = await channels.exchange(false);
    const call = exchangeClient(channel).listen.open({ metadata: callMetadata, waitForReady });
    this.#call = call;
    if (this.#closed) call.cancel("the listener was closed");
    await call.start();
    const late = new GrpcError(
      Status.DEADLINE_EXCEEDED,
      `the exchange did not confirm the name within ${confirmTimeoutMs} ms`,
    );
    const onLate = (): void => {
      channels.retire(channel); // or the next attempt would use the same connection, which may be dead
      call.cancel(late);
    };
    const cancel = clock.at(clock.nowMs() + confirmTimeoutMs, onLate, "watch");
    try {
      const features = exchangeFeatures(resume, endToEnd !== undefined);
      const health = this.#health.message;
      await call.send({ name: this.name, features, metadata: metadataToFields(metadata), health });
      const first = await call.receive();
      if (first?.event.case === "listening") this.#health.registered(channel, health);
      if (first?.event.case === "listening") return { call, channel, heartbeatMs: first.event.value.heartbeatMs };
      throw new GrpcError(Status.INTERNAL, "the exchange did not confirm the name");
    } catch (error) {
      call.cancel();
      throw error instanceof GrpcError && error.cause === late ? late : error;
    } finally {
      cancel();
    }
  }

  /** Opens a stream for each offer until the call ends. @returns the error that has ended it */
  async #takeOffers({ call, channel, heartbeatMs }: Session): Promise<Error> {
    const { clock, channels } = this.#options;
    let lost: GrpcError | undefined;
    const leave = (message: string): void => {
      lost ??= new GrpcError(Status.UNAVAILABLE, message);
      call.cancel(lost);
    };
    const watch = new HeartbeatWatch(clock, heartbeatMs, () => {
      leave(`nothing came from the exchange for ${watch.limitMs} ms`);
      channels.retire(channel); // or the next attempt would use the same dead connection
    });
    // Diallers would wait for a listener whose connection another request has found dead.
    const stay = channels.onRetired(channel, () => leave("the connection to the exchange has not answered a request"));
    try {
      for (let message = await call.receive(); message !== undefined; message = await call.receive()) {
        watch.heard();
        if (message.event.case === "offer") void this.#take(message.event.value);
      }
      return new GrpcError(Status.UNAVAILABLE, "the exchange has ended the listening");
    } catch (error) {
      return lost ?? (error as Error);
    } finally {
      watch.stop();
      stay();
    }
  }

  async #take(offer: Offer): Promise<void> {
    const { maxWaitingStreams, endToEnd, channels, sessions, liveness, onResumption } = this.#options;
    const isFull = this.#streams.size + this.#opening >= maxWaitingStreams && !this.#streams.hasWaitingReader;
    // The handshakes take memory and time before any reader can take their streams.
    const refused = isFull || (endToEnd !== undefined && this.#opening >= maxHandshakes);
    this.#opening += 1;
    try {
      const opened = await openInvited(offer, {
        channels,
        sessions,
        liveness,
        request: undefined,
        waitMs: meetMs,
        onResumption,
      });
      if (opened === undefined) return; // a session that is here already
      if (refused || this.#closed) {
        const message = refused
          ? isFull
            ? `the listener has as many streams waiting as maxWaitingStreams (${maxWaitingStreams}) allows`
            : `the listener has ${maxHandshakes} end-to-end handshakes under way, and takes no more at once`
          : "the listener was closed";
        const error = new GrpcError(refused ? Status.RESOURCE_EXHAUSTED : Status.UNAVAILABLE, message);
        opened.abort(error);
        if (refused) throw error;
        return;
      }
      const { name } = this;
      const stream = await secureInvited(opened, offer, { role: "listen", name, endToEnd, signal: this.#ended.signal });
      if (this.#closed) stream.abort(new GrpcError(Status.UNAVAILABLE, "the listener was closed"));
      else this.#streams.push(stream);
    } catch (error) {
      if (!this.#closed) this.#tell({ kind: "missed", cause: isError(error) ? error : new Error(reasonText(error)) });
    } finally {
      this.#opening -= 1;
    }
  }

  #tell(state: ListenerState): void {
    // An error of the callback must not end the listening.
    callObserver(() => this.#options.onState?.(state));
  }
}
