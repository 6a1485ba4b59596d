/**
 * Client-side health checking: a call of `Watch` on one connection, by which calls are sent to it or not.
 * @see gRFC A17
 */
import { type Backoff, reasonText } from "@trunkline/base";
import type { Http2Stream } from "@trunkline/h2";
import { decodeUtf8, encodeUtf8 } from "#platform";
import { bytesCodec } from "../service/codec.js";
import { makeMethod } from "../service/method.js";
import { GrpcError } from "../wire/errors.js";
import { requestHead } from "../wire/headers.js";
import { Status } from "../wire/status.js";
import { BoundMethod } from "./bound-method.js";
import { ClientCallStream } from "./call.js";
import type { WaitingCall } from "./call-queue.js";
import { MethodConfigView } from "./channel-config.js";
import type { CallStarter, ChannelCore } from "./channel-core.js";
import type { CallConnection, ClientConnection } from "./connection.js";
import type { ChannelState } from "./connectivity.js";

/** The parts of a channel that its health checks use. The channel itself could not become garbage otherwise. */
export type HealthCore = Omit<ChannelCore, "connections">;

/** The largest answer: a status is two bytes. */
export const maxHealthAnswerBytes = 4_096;

const method = makeMethod(["watch"], "/grpc.health.v1.Health/Watch", "server_streaming", bytesCodec, bytesCodec);

const statusNames = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

/** The number of looks within `idleTimeoutMs`, by which it is seen that a connection is not used. */
const idleSteps = 8;

export interface HealthWatchOptions {
  /** The name of the endpoint in messages. */
  readonly name: string;
  /** The service whose health is asked for; empty for the server as a whole. */
  readonly service: string;
  readonly core: HealthCore;
  readonly connection: ClientConnection;
  /** The waits between calls that fail. */
  readonly backoff: Backoff;
  /** The time for the first answer of a call. */
  readonly firstAnswerTimeoutMs: number;
  /** The time after which a connection without calls is closed. */
  readonly idleTimeoutMs: number;
  /** Called when the state, or the reason for it, is another. */
  onChange(): void;
  /** Called when the server knows nothing of health: it counts as healthy. */
  onUnsupported(error: GrpcError): void;
}

/** The states of a connection that is there, by the health of its server. */
type HealthState = Extract<ChannelState, "CONNECTING" | "READY" | "TRANSIENT_FAILURE">;

export class HealthWatch {
  readonly #options: HealthWatchOptions;
  state: HealthState = "CONNECTING";
  /** The reason for which the endpoint gets no calls. */
  problem: Error | undefined = undefined;
  #call: ClientCallStream | undefined;
  #cancelNext: () => void = () => {};
  #cancelIdle: () => void = () => {};
  #stopped = false;

  constructor(options: HealthWatchOptions) {
    this.#options = options;
  }

  /** Begins to watch. */
  start(): void {
    this.#watchIdle();
    void this.#watch();
  }

  /** Stops for good; `onChange` is not called any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelNext();
    this.#cancelIdle();
    this.#call?.cancel("the connection is left");
  }

  async #watch(): Promise<void> {
    const { backoff, core } = this.#options;
    const { clock } = core;
    const startedAtMs = clock.nowMs();
    let answered = false;
    let call: ClientCallStream | undefined;
    try {
      call = this.#begin();
      this.#cancelNext = this.#boundFirstAnswer(call);
      for await (const answer of call) {
        this.#cancelNext();
        if (!answered) backoff.reset();
        answered = true;
        this.#take(answer as Uint8Array);
      }
      throw new GrpcError(Status.UNAVAILABLE, "the server has ended the call");
    } catch (error) {
      this.#cancelNext();
      // After an answer that is none, the server would go on with it.
      call?.cancel("the health check goes on with another call");
      if (this.#stopped) return;
      if (error instanceof GrpcError && error.status === Status.UNIMPLEMENTED) {
        this.#options.onUnsupported(error);
        this.#become("READY", undefined);
        return;
      }
      const problem = this.#failure(`its health cannot be watched: ${reasonText(error)}`, error);
      // At once after an answer, as gRPC has it, so that calls wait for the next one instead of failing; but not where
      // a server would be called without pause.
      if (answered && clock.nowMs() - startedAtMs >= backoff.initialMs) {
        this.#again(problem);
        return;
      }
      this.#become("TRANSIENT_FAILURE", problem);
      const waitMs = backoff.next();
      if (this.#stopped) return;
      this.#cancelNext = clock.at(clock.nowMs() + waitMs, () => this.#again(problem), "watch");
    }
  }

  #again(problem: Error): void {
    this.#become("CONNECTING", problem);
    if (!this.#stopped) void this.#watch();
  }

  #begin(): ClientCallStream {
    const { core, connection, service } = this.#options;
    const channel: ChannelCore = { ...core, connections: new OneConnection(connection) };
    const head = requestHead(core, method.path, core.defaults.compressions.acceptEncoding, false);
    const view = new MethodConfigView(core.config, method.path);
    const call = new ClientCallStream(new BoundMethod(method, false, channel, head, core.defaults, view), {});
    this.#call = call;
    // Its failure is the call's, which the reader is told.
    call.send(encodeRequest(service)).catch(() => {});
    call.sendEof().catch(() => {});
    return call;
  }

  #boundFirstAnswer(call: ClientCallStream): () => void {
    const { core, firstAnswerTimeoutMs } = this.#options;
    const late = (): void => call.cancel(`no answer within ${firstAnswerTimeoutMs} ms`);
    return core.clock.at(core.clock.nowMs() + firstAnswerTimeoutMs, late, "watch");
  }

  #take(answer: Uint8Array): void {
    if (this.#stopped) return;
    const { service } = this.#options;
    const status = decodeStatus(answer);
    const what = service === "" ? "" : ` for ${service}`;
    if (status === "SERVING") this.#become("READY", undefined);
    else this.#become("TRANSIENT_FAILURE", this.#failure(`the server says ${status}${what}`));
  }

  #failure(why: string, cause?: unknown): Error {
    return new Error(`${this.#options.name} gets no calls: ${why}`, { cause });
  }

  #become(state: HealthState, problem: Error | undefined): void {
    if (this.#stopped) return;
    const isSame = state === this.state && problem?.message === this.problem?.message;
    this.state = state;
    this.problem = problem;
    if (!isSame) this.#options.onChange();
  }

  /** Closes the connection when it has had no calls for a while: the watch is a stream of it, and no use. */
  #watchIdle(): void {
    const { connection, core, idleTimeoutMs } = this.#options;
    if (idleTimeoutMs === Number.POSITIVE_INFINITY) return;
    const { clock } = core;
    let idleSinceMs = clock.nowMs();
    let begun = connection.begun;
    const look = (): void => {
      const nowMs = clock.nowMs();
      if (connection.calls > 0 || connection.begun !== begun) idleSinceMs = nowMs;
      begun = connection.begun;
      if (nowMs - idleSinceMs < idleTimeoutMs) plan();
      else {
        this.#call?.cancel("the connection is not used");
        this.stop();
        connection.close();
      }
    };
    const plan = (): void => {
      const stepMs = Math.max(1, Math.ceil(idleTimeoutMs / idleSteps));
      this.#cancelIdle = clock.at(Math.min(clock.nowMs() + stepMs, idleSinceMs + idleTimeoutMs), look, "watch");
    };
    plan();
  }
}

/** Gives the streams of one connection to calls that are not counted as calls of it. */
class OneConnection implements CallStarter {
  readonly #connection: ClientConnection;

  constructor(connection: ClientConnection) {
    this.#connection = connection;
  }

  get state(): ChannelState {
    return "READY";
  }

  start(call: WaitingCall): void {
    const connection = this.#connection;
    const stream = connection.openStream(call);
    if (stream === undefined) {
      const text = `${connection.peer.address} allows no stream for the health check`;
      void Promise.resolve().then(() => call.onRefused(new GrpcError(Status.UNAVAILABLE, text)));
      return;
    }
    const uncounted: CallConnection = {
      peer: connection.peer,
      get peerMaxHeaderListSize() {
        return connection.peerMaxHeaderListSize;
      },
      onAnswer: () => connection.onAnswer(),
      finished: (ended: Http2Stream) => ended.release(),
    };
    call.onOpened(uncounted, stream);
  }

  prepare(): void {}

  forget(): void {}

  describeWait(): string {
    return "a stream of the connection";
  }
}

/** Encodes `HealthCheckRequest`: field 1 is the service. The descriptor stays unloaded. */
function encodeRequest(service: string): Uint8Array {
  const name = encodeUtf8(service);
  if (name.length === 0) return new Uint8Array(0);
  const length: number[] = [];
  for (let left = name.length; ; left >>>= 7) {
    length.push(left > 0x7f ? (left & 0x7f) | 0x80 : left);
    if (left <= 0x7f) break;
  }
  const bytes = new Uint8Array(1 + length.length + name.length);
  bytes.set([0x0a, ...length]);
  bytes.set(name, 1 + length.length);
  return bytes;
}

/** Decodes `HealthCheckResponse`: field 1, which comes first, is the status; UNKNOWN where it is missing or newer. */
function decodeStatus(answer: Uint8Array): string {
  const [tag, value = 0] = answer;
  if (tag === undefined) return "UNKNOWN";
  if (tag === 0x08) return statusNames[value] ?? "UNKNOWN";
  const shown = answer.length > 16 ? `${answer.length} bytes` : JSON.stringify(decodeUtf8(answer));
  throw new GrpcError(Status.INTERNAL, `the answer is no HealthCheckResponse: ${shown}`);
}
