/**
 * Interceptors, in one shape for both sides: they see and change calls between the caller or handler and the wire. A
 * call asks each of its interceptors for hooks once, when it begins. Short and open forms, and calls that are sent
 * again, pass through the same hooks.
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
 * A function that is called once for each call, when the call begins, and returns hooks for it. State of a single call
 * belongs into its closure. An interceptor that returns the same object for all calls costs nearly nothing. An error
 * that it throws fails the call.
 *
 * The first interceptor of a list is the outermost: the request passes the interceptors in order, the response in the
 * reverse order. Interceptors of a channel or server stand outside of those of a client or service, and these outside
 * of those of a call.
 */
export type Interceptor<Call extends InterceptedCall = InterceptedCall> = (call: Call) => CallHooks | undefined;

/** An interceptor for channels, clients and calls; any `Interceptor` is one. */
export type ClientInterceptor = Interceptor<ClientCall<{}, {}>>;

/** An interceptor for servers and services; any `Interceptor` is one. */
export type ServerInterceptor = Interceptor<ServerCall<{}, {}>>;

/**
 * The hooks of an interceptor for one call. A hook that is not there costs nothing. Hooks see the same things, in the
 * same order, on both sides. Only `onRequest` may wait: a promise for each message would cost more than the message.
 *
 * An error that a hook throws ends the call. A `GrpcError` ends it with its status; at a server any other error ends it
 * with UNKNOWN without its text, and is reported to `onError`.
 */
export interface CallHooks {
  /**
   * Called before the request goes out; at a server, before its handler is called. The call waits for a promise, at
   * most until its deadline.
   */
  onRequest?(request: CallRequest): void | Promise<void>;
  /**
   * Called at a client when the call has a connection and before anything is sent on it: the place to refuse a peer. It
   * is called again if the call is sent again.
   */
  onConnection?(peer: Peer): void;
  /**
   * Calls `handler`, at a server. The handler returns at once. This hook is for contexts that surround everything a
   * handler does, such as that of `AsyncLocalStorage.run`.
   */
  run?(handler: () => void): void;
  /**
   * Called with each message of the request; at a server when it is taken. An object that it returns replaces the
   * message.
   */
  onRequestMessage?(message: {}): object | undefined;
  /** Called with the initial metadata. An answer that is a status alone has none. */
  onInitialMetadata?(initial: CallMetadata): void;
  /**
   * Called with each message of the response; at a client when it is taken, which may be after the status has come. An
   * object that it returns replaces the message.
   */
  onResponseMessage?(message: {}): object | undefined;
  /**
   * Called with the status that the server sends. A client calls it only for a status that came from the server, and
   * not for calls that were cancelled or lost.
   */
  onStatus?(status: CallStatus): void;
  /** Called exactly once, when the call has ended for any reason, and at a server when its handler has ended too. */
  onEnd?(end: CallEnd): void;
}

/** Metadata as a hook sees it. */
export interface CallMetadata {
  /** A copy that hooks change in place or replace. Its content after the last hook is sent, or given to the caller. */
  metadata: Metadata;
}

/** A request as a hook sees it. */
export interface CallRequest extends CallMetadata {
  /** The deadline of the call. A hook may replace it by an earlier or later one, or by undefined for none. */
  deadline: Deadline | undefined;
  /**
   * Adds an attribute to the call, which `call.extra(key)` then gives. At a server it holds what an interceptor knows
   * about the caller.
   */
  provide<T>(key: AttributeKey<T>, value: T): void;
}

/** A status as a hook sees it. Each part may be changed. */
export interface CallStatus extends CallMetadata {
  status: Status;
  message: string;
  /** The details of the error. They are packed messages until a hook gives others. */
  details: readonly Detail[];
}

/** The end of a call, as hooks see it. */
export interface CallEnd {
  readonly status: Status;
  readonly message: string;
  /** The number of request messages that were sent, or had come. */
  readonly requestMessages: number;
  /** The number of response messages that were sent, or had come. */
  readonly responseMessages: number;
  /**
   * The error of the call. At a client its steps reject with it. At a server it is the reason why the call ended before
   * its handler did, or the error that the handler threw.
   */
  readonly error: Error | undefined;
}
