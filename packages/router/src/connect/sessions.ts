/** The sessions of one client, with the memory that they share. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { pause } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { Metadata, MetadataInit } from "@trunkline/metadata";
import type { Clock } from "@trunkline/streams";
import type { DialRequestSchema, Resumption } from "../gen/trunkline/v1/exchange_pb.js";
import { MemoryPool } from "../session/memory.js";
import type { ResolvedResumeOptions } from "../session/options.js";
import type { ResumptionEvent } from "../session/resumption.js";
import { SessionStream } from "../session/session-stream.js";
import type { Features } from "../stream/features.js";
import type { ResolvedLiveness } from "../stream/liveness.js";
import { type RouterStream, streamOverSession } from "../stream/router-stream.js";
import type { Channels } from "./channels.js";
import { ExchangeWay } from "./session-way.js";

export interface SessionsOptions extends ResolvedResumeOptions, ResolvedLiveness {
  readonly channels: Channels;
  readonly clock: Clock;
  authorization(): Promise<MetadataInit>;
}

/** The invitation to a session, as an offer or an answer of the exchange gives it. */
export interface Invitation {
  readonly resumption: Resumption;
  readonly endpoint: string;
  readonly token: string;
  /** The features and the metadata of the other side. */
  readonly peerFeatures: Features;
  readonly metadata: Metadata;
  /** The identity of the side that has dialled, at the other one. */
  readonly identity: string | undefined;
  /** The request of the side that has dialled, undefined at the other one. */
  readonly request: MessageInitShape<typeof DialRequestSchema> | undefined;
  readonly waitMs: number;
  readonly onResumption: ((event: ResumptionEvent) => void) | undefined;
}

/** The time for telling other sides that the client was closed. */
const lastWordMs = 1_000;
/** The number of sessions that are remembered after their end: a burst, in 100 KB. */
const maxEnded = 1_000;

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #replayMemory: MemoryPool;
  readonly #unreadMemory: MemoryPool;
  /** The streams by role and name: a client may dial a name of its own. */
  readonly #streams: Map<string, SessionStream> = new Map();
  /** The sessions that are over, the first one in front: they may be offered again before all know of their end. */
  readonly #ended: Set<string> = new Set();
  #onEmpty: (() => void) | undefined;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#replayMemory = new MemoryPool(options.maxReplayBytesInAll);
    this.#unreadMemory = new MemoryPool(options.maxUnreadBytesInAll);
  }

  /** Makes the stream of a session; undefined for one that was offered before, and that tries again now, or is over. */
  join(invitation: Invitation): RouterStream | undefined {
    const { resumption, endpoint, token, peerFeatures, metadata, identity, request, waitMs, onResumption } = invitation;
    const { session, ticket } = resumption;
    const dialler = request !== undefined;
    const key = `${dialler ? "dial" : "listen"} ${session}`;
    if (this.#ended.has(key)) return undefined;
    const known = this.#streams.get(key);
    if (known !== undefined) {
      known.nudge();
      return undefined;
    }
    const { channels, clock, authorization } = this.#options;
    const { resumeTimeoutMs, maxReplayBytes, maxReplayBytesInAll, maxUnreadBytes, maxUnreadBytesInAll } = this.#options;
    const { pingIntervalMs, pingTimeoutMs } = this.#options;
    // By name: the copy of an object by "..." takes several times as long, for each stream.
    const stream = new SessionStream({
      clock,
      resumeTimeoutMs,
      maxReplayBytes,
      maxReplayBytesInAll,
      maxUnreadBytes,
      maxUnreadBytesInAll,
      pingIntervalMs,
      pingTimeoutMs,
      session,
      dialler,
      way: new ExchangeWay({ channels, clock, authorization, ticket, first: { endpoint, token }, request }),
      waitMs,
      replayMemory: this.#replayMemory,
      unreadMemory: this.#unreadMemory,
      onEvent: onResumption,
      onOver: () => {
        this.#streams.delete(key);
        this.#remember(key);
        if (this.#streams.size === 0) this.#onEmpty?.();
      },
    });
    this.#streams.set(key, stream);
    return streamOverSession(stream, { peerFeatures, metadata, identity });
  }

  #remember(key: string): void {
    this.#ended.add(key);
    if (this.#ended.size <= maxEnded) return;
    const [oldest = ""] = this.#ended;
    this.#ended.delete(oldest);
  }

  /** Waits for the sessions to end, for at most `closeTimeoutMs`; then aborts them, and tells their other sides. */
  async close(closeTimeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const error = new GrpcError(Status.UNAVAILABLE, "the client was closed");
    const dismiss = (): void => {
      for (const stream of this.#streams.values()) stream.dismiss(error);
    };
    if (this.#streams.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const cancel = clock.at(clock.nowMs() + closeTimeoutMs, dismiss, "watch");
    await Promise.race([empty, pause(clock, closeTimeoutMs + lastWordMs, "watch", undefined)]);
    cancel();
    for (const stream of this.#streams.values()) stream.forget();
  }
}
