/** What a call is to those who use it: one contract for each side, both of them an `ObjectStream` of messages. */
import type { Metadata, MetadataInit } from "@trunkline/metadata";
import type { AbortSignalLike, ObjectStream, SendOptions, WaitOptions } from "@trunkline/streams";
import type { Peer } from "../connection/peer.js";
import type { CompressionOption } from "../wire/compression.js";
import type { Status } from "../wire/status.js";
import type { Detail } from "../wire/status-details.js";
import type { Deadline } from "./deadline.js";

/** What a call belongs to: a `ServerCall`, or anything with a deadline and a signal. */
export interface ParentCall {
  readonly deadline?: Deadline | undefined;
  readonly signal?: AbortSignalLike | undefined;
}

/** Options of sending one message. */
export interface MessageOptions extends SendOptions {
  /** False: this message is sent as it is, where the others of the call are compressed. Default true. */
  readonly compress?: boolean | undefined;
}

/** The part of a call that both of its sides have. */
export interface CommonCall {
  /** As on the wire: `"/package.Service/Method"`. */
  readonly path: string;
  readonly deadline: Deadline | undefined;
}

/**
 * A call at its client, step by step. Every step implies those before it: `send`, `receive` and `receiveInitialMetadata` start the call.
 *
 * `receive()` gives `undefined` only after status OK, and whatever came before another end first; then it rejects with the `GrpcError`.
 * In a method with one request message `send()` ends the sending too. `await using` cancels a call that has not ended; `break` out of
 * `for await` leaves it open.
 */
export interface ClientCall<Request extends {}, Response extends {}>
  extends CommonCall,
    ObjectStream<Request, Response> {
  readonly role: "client";
  /** The server, once the call has been given a connection. */
  readonly peer: Peer | undefined;
  /** Sends the request's headers and metadata; resolves when they are on their way, which may have to wait for a connection. @throws GrpcError */
  start(): Promise<void>;
  /**
   * Ends the call now: this side's steps reject with GrpcError CANCELLED, whose cause is `reason`, and the server is told.
   * A call that the server has ended, but whose messages are not read to the end, is cancelled too: what is left is dropped. Without effect after that.
   */
  cancel(reason?: unknown): void;
  /** Resolves when there is room for more. @throws GrpcError, CallUsageError */
  send(message: Request, options?: MessageOptions): Promise<void>;
  /** Waits for the server's initial metadata, which may come before any message; starts the call. @throws GrpcError when the call ends without */
  receiveInitialMetadata(options?: WaitOptions): Promise<Metadata>;
  /**
   * Waits for the end of the call and gives the trailing metadata. It leaves messages for `receive()`: where the server sends many, read them
   * first, or the server waits. @throws GrpcError unless the status is OK; `trailingMetadata` is there all the same
   */
  receiveTrailingMetadata(options?: WaitOptions): Promise<Metadata>;
  /** Once it has come. */
  readonly initialMetadata: Metadata | undefined;
  /** Once it has come. */
  readonly trailingMetadata: Metadata | undefined;
}

/** What `sendInitialMetadata` says beside metadata. */
export interface ResponseOptions {
  /**
   * What response messages are compressed with, if the client accepts that; otherwise they are sent as they are. Default: the server's `compression`.
   */
  readonly compression?: CompressionOption | undefined;
}

/** How `sendTrailingMetadata` ends a call. */
export interface StatusOptions {
  /** Default OK. */
  readonly status?: Status | undefined;
  /** Any text. Default: none. */
  readonly message?: string | undefined;
  /** What is known beyond that, as messages of `@trunkline/grpc/details` or of your own. Default: none. */
  readonly details?: readonly Detail[] | undefined;
}

/**
 * A call at its server. A short handler gets it beside the request; `{ open(call) }` gets it alone and does every step itself.
 *
 * `receive()` gives `undefined` after the client's half-close; when the client cancels or is gone, or the deadline passes, it rejects with the
 * `GrpcError` that `signal.reason` also is. `sendEof()` is `sendTrailingMetadata()` with status OK. `abort(reason)` fails the call, with the
 * status of a `GrpcError` or with CANCELLED.
 */
export interface ServerCall<Request extends {}, Response extends {}>
  extends CommonCall,
    ObjectStream<Response, Request> {
  readonly role: "server";
  readonly peer: Peer;
  /** What the client sent with its request; frozen. */
  readonly metadata: Metadata;
  readonly userAgent: string | undefined;
  /** Aborts when the call ends before its handler does: the client cancelled or is gone, the deadline passed, the server closes. */
  readonly signal: AbortSignal;
  /** Goes out with the status, from short handlers too; add to it whatever is known at the end. */
  readonly trailingMetadata: Metadata;
  /** Resolves when there is room for more. @throws GrpcError, CallUsageError */
  send(message: Response, options?: MessageOptions): Promise<void>;
  /**
   * Sends the response's headers and this metadata now; once, before the first message.
   * @throws CallUsageError, MetadataError, GrpcError; TypeError for a compression that is not known
   */
  sendInitialMetadata(metadata?: MetadataInit, options?: ResponseOptions): Promise<void>;
  /**
   * Ends the call with a status, after everything that was sent; `metadata` is added to `trailingMetadata`. Resolves when it is on its way.
   * @throws CallUsageError for a second end, or for OK where the one response message is missing; MetadataError, GrpcError
   */
  sendTrailingMetadata(metadata?: MetadataInit, options?: StatusOptions): Promise<void>;
}
