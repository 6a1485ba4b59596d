/**
 * Holds what the two halves of a connection share: its collaborators, each with a state of its own, and the few events
 * that concern several of them (the end of a stream, a stream error, the end of the connection).
 */
import { isError } from "@trunkline/base";
import { ErrorCode } from "../error-code.js";
import { H2Error } from "../errors.js";
import type { HeaderField } from "../header-field.js";
import { HpackDecoder } from "../hpack/decoder.js";
import { HpackEncoder } from "../hpack/encoder.js";
import type { ResolvedOptions } from "../options/connection-options.js";
import { fieldFlaw } from "../stream/field-form.js";
import type { SendBlock, SendEnd, StreamReset } from "../stream/handler.js";
import { afterRelease } from "../stream/state.js";
import type { Stream, StreamOwner } from "../stream/stream.js";
import { Age } from "./age.js";
import { GoAway } from "./go-away.js";
import { Guards } from "./guards.js";
import type { AttachedDriver, ConnectionHandler } from "./handler.js";
import { Keepalive } from "./keepalive.js";
import { LateFrames } from "./late-frames.js";
import { Output } from "./output.js";
import { Pings } from "./pings.js";
import { ReceiveWindows } from "./receive-windows.js";
import { Scheduler } from "./scheduler.js";
import { sendData, sendHeaders } from "./send.js";
import { Settings } from "./settings.js";
import { StreamTable } from "./stream-table.js";

export class Core implements StreamOwner {
  readonly options: ResolvedOptions;
  readonly handler: ConnectionHandler;
  readonly output: Output = new Output();
  readonly settings: Settings;
  readonly table: StreamTable;
  readonly late: LateFrames;
  readonly encoder: HpackEncoder;
  readonly decoder: HpackDecoder;
  readonly pings: Pings;
  readonly windows: ReceiveWindows;
  readonly scheduler: Scheduler;
  readonly goAway: GoAway;
  readonly guards: Guards;
  readonly keepalive: Keepalive;
  readonly age: Age;
  /** The time of the last `receive` or `handleTimeout`. */
  now = 0;
  /** The driver, which tells the time between those calls. */
  driver: AttachedDriver | undefined = undefined;
  closed = false;
  /** True where a look at the output that waits is due at a known time. */
  outputWatched = false;
  /** True after `openStream` gave `undefined`, until `onStreamsAvailable` was called. */
  streamsAwaited = false;

  constructor(options: ResolvedOptions, handler: ConnectionHandler) {
    this.options = options;
    this.handler = handler;
    const { role, ascii, limits } = options;
    this.settings = new Settings(role, options.settings);
    this.table = new StreamTable(role);
    this.late = new LateFrames(limits);
    this.guards = new Guards(limits);
    this.encoder = new HpackEncoder({ ascii, fieldFlaw });
    this.decoder = new HpackDecoder({ ascii, maxTableSize: options.settings.headerTableSize });
    this.pings = new Pings(this.output);
    this.windows = new ReceiveWindows(this.output, this.pings, limits, () => this.currentMs);
    this.scheduler = new Scheduler(this.output, this.encoder, this.settings, limits, {
      onEndWritten: (stream) => this.endWritten(stream),
      onWritable: (stream) => {
        if (!stream.released) stream.handler?.onWritable();
      },
    });
    this.goAway = new GoAway(this.output, this.pings);
    this.keepalive = new Keepalive(options.lifetime);
    this.age = new Age(options.lifetime);
  }

  get currentMs(): number {
    return this.driver?.nowMs?.() ?? this.now;
  }

  /** Takes the peer's END_STREAM. */
  endReceived(stream: Stream): void {
    this.table.apply(stream, "receiveEndStream");
    this.#settle(stream);
  }

  /** Takes note that our END_STREAM was written. */
  endWritten(stream: Stream): void {
    this.table.apply(stream, "sendEndStream");
    this.#settle(stream);
    // Last: the bytes may leave, and over a transport in memory the other side act on them, before this returns.
    this.output.endWritten();
  }

  /** Ends the stream from our side, without telling the handler. */
  resetByUs(stream: Stream, errorCode: ErrorCode): void {
    if (stream.state === "closed") return;
    const known = stream.state !== "idle";
    if (stream.remoteOpen) this.late.expect(stream.id, Math.max(0, stream.receiveWindow.available), this.currentMs);
    this.scheduler.drop(stream);
    this.table.apply(stream, "reset");
    if (known) this.output.rstStream(stream.id, errorCode);
    this.#settle(stream);
  }

  /** Ends the stream, since the peer or the end of the connection did, and tells the handler. */
  resetByPeer(stream: Stream, reset: StreamReset): void {
    if (stream.state === "closed") return;
    this.scheduler.drop(stream);
    this.table.apply(stream, "reset");
    this.#tellReset(stream, reset);
    this.#settle(stream);
  }

  /** Turns a stream error into RST_STREAM: the one place that does. */
  failStream(error: H2Error): void {
    if (this.table.isIdle(error.streamId)) {
      // §6.4: there is no RST_STREAM for a stream that was not opened.
      this.fail(new H2Error(error.message, { errorCode: error.errorCode, streamId: error.streamId }));
      return;
    }
    const stream = this.table.get(error.streamId);
    if (stream === undefined || stream.state === "closed") {
      this.guards.countUselessFrame(this.table.begun, this.now);
      this.output.rstStream(error.streamId, error.errorCode);
      return;
    }
    // A header list past our own limit is no breach of the protocol.
    if (error.errorCode !== ErrorCode.ENHANCE_YOUR_CALM) this.guards.forcedResets.spend(this.now);
    this.resetByUs(stream, error.errorCode);
    const { errorCode, message } = error;
    this.#tellReset(stream, {
      errorCode,
      message,
      origin: "local",
      scope: "stream",
      unprocessed: false,
      cause: error,
    });
  }

  #tellReset(stream: Stream, reset: StreamReset): void {
    if (stream.released) return;
    if (stream.handler === undefined) stream.untoldReset = reset;
    else stream.handler.onReset(reset);
  }

  /** Turns a connection error into GOAWAY: the one place that does. */
  fail(error: H2Error): void {
    if (this.closed) return;
    this.goAway.send(this.table.highestPeerId, error.errorCode, error.debugText);
    this.#end(error, error.message, "local");
  }

  /** Ends the connection, since its transport is gone. */
  lost(cause: unknown): void {
    if (this.closed) return;
    // What the GOAWAY of the peer said says more than how its transport ended.
    const said = this.goAway.error;
    const silent = this.options.role === "client" && !this.settings.peerReceived;
    const orderly = this.table.size === 0 && cause === undefined && !silent;
    const why = isError(cause)
      ? `: ${cause.message}`
      : silent
        ? ": the server has sent no SETTINGS (does it expect TLS?)"
        : "";
    const message = said?.message ?? `connection lost${why}`;
    this.#end(
      said ?? (orderly ? undefined : new H2Error(message, { errorCode: ErrorCode.INTERNAL_ERROR, cause })),
      message,
      "remote",
    );
  }

  #end(error: H2Error | undefined, message: string, origin: "local" | "remote"): void {
    this.closed = true;
    const goneAway = this.goAway.received;
    for (const stream of this.table.all()) {
      const neverSent = stream.state === "idle";
      const notTaken = this.table.isLocal(stream.id) && goneAway !== undefined && stream.id > goneAway.lastStreamId;
      this.#isolated(() =>
        this.resetByPeer(stream, {
          errorCode: error?.errorCode ?? ErrorCode.NO_ERROR,
          message,
          origin,
          scope: "connection",
          unprocessed: neverSent || notTaken,
          cause: error,
        }),
      );
    }
    this.#over(error);
  }

  #over(error: H2Error | undefined): void {
    this.scheduler.close();
    this.windows.close();
    this.#isolated(() => this.handler.onClose(error));
    this.output.announceEnd();
  }

  /**
   * Runs a callback whose failure must not keep the other streams from being told that the connection has ended. It
   * cannot be reported any more.
   */
  #isolated(tell: () => void): void {
    try {
      tell();
    } catch {
      // A handler's own failure; the connection is over already.
    }
  }

  sendHeaders(stream: Stream, fields: readonly HeaderField[], { endStream }: SendEnd): void {
    if (stream.state !== "closed") sendHeaders(this, stream, fields, endStream);
  }

  sendData(stream: Stream, chunks: Uint8Array | readonly Uint8Array[], end: SendEnd): void {
    if (stream.state !== "closed") sendData(this, stream, chunks, end);
  }

  sendBlock(stream: Stream): SendBlock | undefined {
    return stream.state === "closed" ? undefined : this.scheduler.blockOf(stream);
  }

  isWritable(stream: Stream): boolean {
    return stream.state === "closed" || this.scheduler.isWritable(stream);
  }

  acknowledge(stream: Stream, bytes: number): void {
    if (bytes > 0) this.windows.consumed(stream, bytes);
  }

  extendWindow(stream: Stream, bytes: number): boolean {
    return this.windows.extend(stream, bytes);
  }

  release(stream: Stream): void {
    if (stream.released) return;
    stream.released = true;
    this.windows.consumed(stream, stream.unreadBytes);
    this.#settle(stream);
  }

  /**
   * Draws the consequences of a change of the stream's state, of its release or of the end that was given
   * (`stream/state.ts`).
   */
  #settle(stream: Stream): void {
    if (stream.assembly !== undefined && (stream.released || !stream.remoteOpen)) this.windows.endAssembly(stream);
    if (stream.released) {
      const fate = afterRelease[this.options.role][stream.state][stream.endGiven ? "given" : "open"];
      if (fate === "cancel" || fate === "stop") {
        this.resetByUs(stream, fate === "stop" ? ErrorCode.NO_ERROR : ErrorCode.CANCEL);
        return;
      }
      if (fate === "remove") this.#remove(stream);
    }
    if (stream.state !== "closed" || this.closed) return;
    this.tellStreamsAvailable();
    this.finishIfDrained();
  }

  #remove(stream: Stream): void {
    if (!this.table.remove(stream)) return;
    this.windows.forget(stream);
    if (this.table.isLocal(stream.id)) return;
    const now = this.currentMs;
    try {
      this.guards.streamEnded(stream.givenUp && this.guards.isEarly(now - stream.openedAt), now);
    } catch (thrown) {
      this.contain(thrown);
    }
  }

  /** The number of streams that the peer lets us open now. */
  get freeStreams(): number {
    return this.settings.peerMaxConcurrentStreams - this.table.localOpen;
  }

  tellStreamsAvailable(): void {
    if (!this.streamsAwaited || this.freeStreams <= 0 || this.output.length >= this.options.limits.outputBatchBytes)
      return;
    this.streamsAwaited = false;
    this.handler.onStreamsAvailable?.();
  }

  /** Closes with NO_ERROR: at a server in two steps, where a client has shown by its SETTINGS that it is there. */
  closeGracefully(debug: string): void {
    if (this.goAway.sent) return;
    if (this.options.role === "server" && this.settings.peerReceived) this.goAway.announce(this.currentMs, debug);
    else this.goAway.send(this.table.highestPeerId, ErrorCode.NO_ERROR, debug);
    this.finishIfDrained();
  }

  /** Returns when `checkLifetime` has something to do. */
  lifetimeDeadline(): number {
    const age = this.age.deadline();
    return this.settings.peerReceived ? Math.min(age, this.keepalive.deadline(this.table.size)) : age;
  }

  /** Does what is due by the options of `lifetime`. The handshake has a limit of its own. */
  checkLifetime(): void {
    const { age, keepalive, now, table } = this;
    const due = age.check(now, table.size, table.begun);
    if (due === "graceOver") {
      const message = `streams were still open maxConnectionAgeGraceMs (${age.graceMs}) after maxConnectionAgeMs`;
      this.fail(new H2Error(message, { errorCode: ErrorCode.NO_ERROR, origin: "local" }));
    } else if (due !== undefined) this.closeGracefully(due);
    if (this.closed || !this.settings.peerReceived) return;
    const doubt = keepalive.check(now, table.size);
    if (doubt === "ask") this.pings.send(now);
    else if (doubt === "giveUp") {
      const message = `nothing came from the peer within keepaliveTimeoutMs (${keepalive.timeoutMs}) of a PING`;
      this.fail(new H2Error(message, { errorCode: ErrorCode.INTERNAL_ERROR }));
    }
  }

  /** Takes the second step of a graceful shutdown: the peer has answered the first, or will not. */
  finishGoAway(): void {
    this.goAway.send(this.table.highestPeerId, ErrorCode.NO_ERROR);
    this.finishIfDrained();
  }

  get draining(): boolean {
    return this.goAway.sent || (this.options.role === "client" && this.goAway.received !== undefined);
  }

  /** Ends the connection if its last stream is gone after a GOAWAY without an error. */
  finishIfDrained(): void {
    if (this.closed || !this.draining || this.goAway.betweenSteps || this.table.size > 0) return;
    this.closed = true;
    this.#over(this.goAway.error);
  }

  /** Handles an error that was thrown while bytes of the peer were handled: the one place that does. */
  contain(thrown: unknown): void {
    if (thrown instanceof H2Error && thrown.scope === "stream") {
      try {
        this.failStream(thrown);
      } catch (error) {
        this.contain(error);
      }
    } else if (thrown instanceof H2Error && thrown.scope === "connection") this.fail(thrown);
    else
      this.fail(
        new H2Error("the connection's handler threw", {
          errorCode: ErrorCode.INTERNAL_ERROR,
          origin: "local",
          cause: thrown,
        }),
      );
  }
}
