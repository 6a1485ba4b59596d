/**
 * Interceptors: what stands between a call and who made it or handles it, in one shape for both sides. A call asks each of its interceptors
 * once, when it begins, for hooks; short and open forms, and calls that are sent again, pass through the same ones.
 */
import type { Metadata } from "@trunkline/metadata";
import type { AttributeKey } from "@trunkline/streams";
import type { Peer } from "../connection/peer.js";
import type { ClientCall, ServerCall } from "../contract/call.js";
import type { Deadline } from "../contract/deadline.js";
import type { Status } from "../wire/status.js";
import type { Detail } from "../wire/status-details.js";

/** A call of either side; `role` tells which. */
export type InterceptedCall = ClientCall<{}, {}> | ServerCall<{}, {}>;

/**
 * Called once for each call, when it begins. What it returns stays with the call: keep a call's own state in its closure. One that returns
 * the same object for all calls costs nearly nothing. What it throws, the call fails with.
 *
 * The first interceptor of a list is the outermost: what goes with the request passes the interceptors in order, what comes back in the
 * reverse order. Those of a channel or server stand outside of those of a client or service, and these outside of those of a call.
 */
export type Interceptor<Call extends InterceptedCall = InterceptedCall> = (call: Call) => CallHooks | undefined;

/** An interceptor for channels, clients and calls; any `Interceptor` is one. */
export type ClientInterceptor = Interceptor<ClientCall<{}, {}>>;

/** An interceptor for servers and services; any `Interceptor` is one. */
export type ServerInterceptor = Interceptor<ServerCall<{}, {}>>;

/**
 * What an interceptor wants to see and change of a call; a hook that is not there costs nothing. Hooks see the same things, in the same
 * order, on both sides. Only `onRequest` may wait: a promise a message would cost more than the message.
 *
 * What a hook throws ends the call: a `GrpcError` as it is; at a server anything else as UNKNOWN without its text, and `onError` hears of it.
 */
export interface CallHooks {
  /** Before the request goes out; at a server before its handler is called. The call waits for a promise, no longer than its deadline. */
  onRequest?(request: CallRequest): void | Promise<void>;
  /**
   * At a client: the call has been given a connection, and nothing has been sent on it yet. The place to refuse a peer. Called again where the call is
   * sent again.
   */
  onConnection?(peer: Peer): void;
  /** At a server: calls `handler`, which returns at once; for what surrounds everything the handler does, as `AsyncLocalStorage.run` does. */
  run?(handler: () => void): void;
  /** Each message of the request; at a server when it is taken. What it returns takes the message's place, unless that is undefined. */
  onRequestMessage?(message: {}): object | undefined;
  /** Initial metadata, where there is some: an answer that is a status alone has none. */
  onInitialMetadata?(initial: CallMetadata): void;
  /** Each message of the response; at a client when it is taken, which may be after the status has come. What it returns takes the message's place, unless that is undefined. */
  onResponseMessage?(message: {}): object | undefined;
  /** The status that the server sends; at a client only one that came from there, so not for calls that were cancelled or lost. */
  onStatus?(status: CallStatus): void;
  /** The call is over, for whatever reason, and at a server its handler has ended. Called exactly once. */
  onEnd?(end: CallEnd): void;
}

/** Metadata on its way. */
export interface CallMetadata {
  /** A copy to be changed in place, or replaced: what it holds after the last hook goes on its way. */
  metadata: Metadata;
}

/** A request on its way. */
export interface CallRequest extends CallMetadata {
  /** May be replaced, by an earlier or later one, or by none. */
  deadline: Deadline | undefined;
  /** Makes a fact known to all who have the call: `call.extra(key)` gives it. At a server for what was learnt of the caller. */
  provide<T>(key: AttributeKey<T>, value: T): void;
}

/** A status on its way; each part may be changed. */
export interface CallStatus extends CallMetadata {
  status: Status;
  message: string;
  /** Packed, until a hook gives others. */
  details: readonly Detail[];
}

/** How a call ended. */
export interface CallEnd {
  readonly status: Status;
  readonly message: string;
  /** How many were sent and had come, whether or not somebody has taken them. */
  readonly requestMessages: number;
  readonly responseMessages: number;
  /** At a client: what its steps reject with. At a server: why it was over before its handler said so, or what the handler threw. */
  readonly error: Error | undefined;
}
