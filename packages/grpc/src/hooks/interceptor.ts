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
export interface Interceptor<in Call extends InterceptedCall = InterceptedCall> {
  (call: Call): CallHooks | undefined;
  /**
   * Called at a server with each request that gets no call, and so no hooks: its method is not known, or its headers
   * cannot be used. The interceptor must be one of the server. An error that it throws goes to `onError`.
   */
  onRejected?(request: RejectedRequest): void;
}

/** A request that a server answered without making a call of it. */
export interface RejectedRequest {
  /** The path of the request. The peer has chosen it, so that there is no limit to the number of different ones. */
  readonly path: string;
  /** True where the path is that of a method that the server has. */
  readonly known: boolean;
  /** The status of the answer. */
  readonly status: Status;
}

/** An interceptor for channels, clients and calls; any `Interceptor` is one. */
export type ClientInterceptor = Interceptor<ClientCall<{}, {}>>;

/** An interceptor for servers and services; any `Interceptor` is one. */
export type ServerInterceptor = Interceptor<ServerCall<{}, {}>>;

/**
 * The hooks of an interceptor for one call. A hook that is not there costs nothing. Hooks see the same things, in the
 * same order, on both sides. Only `onRequest` may wait: a promise for each message would cost more than the message.
 *
 * An error that a hook throws ends the call. A `GrpcError` ends it with its status; at a server any other error ends it
 * with UNKNOWN without its text, and is reported to `onError`. Where a hook that is not waited for gives a promise all
 * the same, the call goes on, and its rejection is reported: to `onError` at a server, as a warning at a client.
 */
export interface CallHooks {
  /**
   * Called before the request goes out; at a server, before its handler is called. The call waits for a promise, at
   * most until its deadline.
   */
  onRequest?(request: CallRequest): void | Promise<void>;
  /**
   * Called when an attempt begins: at a client each time that the call begins to ask for a connection, and so again for
   * retries, for hedges, and for calls that are sent again; at a server once for each call. The hooks that it returns
   * are for this attempt alone. It is the place for metadata that is different for each attempt.
   */
  onAttempt?(attempt: CallAttempt): AttemptHooks | undefined;
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

/** One attempt of a call, when it begins. At a server its metadata is the request's, and a change has no effect. */
export interface CallAttempt extends CallMetadata {
  /** The number of attempts that were begun before, as the policy for retries or hedging counts them. */
  readonly previousAttempts: number;
  /** True where the call is sent again because the server has surely not begun to work on it (gRFC A6). */
  readonly transparent: boolean;
}

/** The hooks of one attempt. Those for messages tell sizes and see no content. None of them may wait. */
export interface AttemptHooks {
  /** Called at a client when the attempt has a stream. `waited`: it had none at once. */
  onStream?(waited: boolean): void;
  /** Called when a message is given to the stream of this attempt. A message that is sent again is told again. */
  onMessageSent?(message: AttemptMessage): void;
  /** Called when a message begins to come, whether or not it is taken later. */
  onMessageReceived?(message: AttemptMessage): void;
  /** Called exactly once, when the attempt has ended; before the `onEnd` of the call. */
  onEnd?(end: AttemptEnd): void;
}

/** A message as the hooks of an attempt see it. */
export interface AttemptMessage {
  /** The length as it is sent, without the prefix of five bytes. */
  readonly wireBytes: number;
  /** The length before compression; undefined where it is not known because the message may be compressed. */
  readonly bytes: number | undefined;
}

/** The end of an attempt. */
export interface AttemptEnd {
  readonly status: Status;
  /** The status message; empty for an attempt that is tried again. */
  readonly message: string;
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
