/** The contract of a call, one for each side. Both are an `ObjectStream` of messages. */
import { optionNames } from "@trunkline/base";
import type { Metadata, MetadataInit } from "@trunkline/metadata";
import type { AbortSignalLike, ObjectStream, SendOptions, WaitOptions } from "@trunkline/streams";
import type { Peer } from "../connection/peer.js";
import type { CompressionOption } from "../wire/compression.js";
import type { Status } from "../wire/status.js";
import type { Detail } from "../wire/status-details.js";
import type { Deadline } from "./deadline.js";
import type { CallExplanation } from "./explanation.js";

/** The call in whose handler another call is made: a `ServerCall`, or anything with a deadline and a signal. */
export interface ParentCall {
  readonly deadline?: Deadline | Date | undefined;
  readonly signal?: AbortSignalLike | undefined;
}

/** Options of sending one message. */
export interface MessageOptions extends SendOptions {
  /** Compresses this message as the other messages of the call; false sends it as it is. Default true. */
  readonly compress?: boolean | undefined;
}

/** The names of `MessageOptions`. */
export const messageOptionNames: ReadonlySet<string> = optionNames<MessageOptions>({
  compress: true,
  metadata: true,
  signal: true,
});

/** The part of a call that both of its sides have. */
export interface CommonCall {
  /** The path on the wire: `"/package.Service/Method"`. */
  readonly path: string;
  /** The time by which the call must have ended; undefined if there is no limit. */
  readonly deadline: Deadline | undefined;
  /**
   * The number of attempts of this call that were begun before this one: retries and hedges by the service config (gRFC
   * A6), counted by the client and told to the server.
   */
  readonly previousAttempts: number;
  /** Says what the call waits for now, and on whom. It costs nothing until it is asked. */
  explain(): CallExplanation;
}

/**
 * A call at its client, step by step. Every step implies the ones before it: `send`, `receive` and
 * `receiveInitialMetadata` start the call.
 *
 * `receive()` gives `undefined` only after status OK. Before any other end it gives the messages that came, and then
 * rejects with the `GrpcError`. In a method with one request message `send()` ends the sending too. `await using`
 * cancels a call that has not ended; `break` out of `for await` leaves it open.
 */
export interface ClientCall<Request extends {}, Response extends {}>
  extends CommonCall,
    ObjectStream<Request, Response> {
  /** The side of the call: `"client"`. */
  readonly role: "client";
  /** The server, once the call has a connection. */
  readonly peer: Peer | undefined;
  /**
   * Sends the request's headers and metadata. It resolves when they are on their way, which may have to wait for a
   * connection. @throws GrpcError
   */
  start(): Promise<void>;
  /**
   * Ends the call now: this side's steps reject with GrpcError CANCELLED, whose cause is `reason`, and the server is
   * told. Messages of a call that the server has ended and that were not read yet are dropped. Once they were read,
   * this has no effect.
   */
  cancel(reason?: unknown): void;
  /** Sends a message. It resolves when there is room for more. @throws GrpcError, CallUsageError */
  send(message: Request, options?: MessageOptions): Promise<void>;
  /**
   * Waits for the server's initial metadata, which may come before any message, and starts the call.
   * @throws GrpcError if the call ends without
   */
  receiveInitialMetadata(options?: WaitOptions): Promise<Metadata>;
  /**
   * Waits for the end of the call and gives the trailing metadata. It leaves messages for `receive()`: if the server
   * sends many, read them first, or the server waits.
   * @throws GrpcError unless the status is OK; `trailingMetadata` is there all the same
   */
  receiveTrailingMetadata(options?: WaitOptions): Promise<Metadata>;
  /** The server's initial metadata, once it has come. */
  readonly initialMetadata: Metadata | undefined;
  /** The server's trailing metadata, once it has come. */
  readonly trailingMetadata: Metadata | undefined;
}

/** Options of `sendInitialMetadata`. */
export interface ResponseOptions {
  /**
   * The compression of response messages, if the client accepts it; otherwise they are sent as they are. Default: the
   * server's `compression`.
   */
  readonly compression?: CompressionOption | undefined;
}

/** The names of `ResponseOptions`. */
export const responseOptionNames: ReadonlySet<string> = optionNames<ResponseOptions>({ compression: true });

/** Options of `sendTrailingMetadata`: the status of the call. */
export interface StatusOptions {
  /** The status. Default OK. */
  readonly status?: Status | undefined;
  /** The status message, any text. Default: none. */
  readonly message?: string | undefined;
  /** Details of the error, as messages of `@trunkline/grpc/details` or of your own. Default: none. */
  readonly details?: readonly Detail[] | undefined;
}

/** The names of `StatusOptions`. */
export const statusOptionNames: ReadonlySet<string> = optionNames<StatusOptions>({
  status: true,
  message: true,
  details: true,
});

/**
 * A call at its server. A short handler gets it beside the request; `{ open(call) }` gets it alone and does every step
 * itself.
 *
 * `receive()` gives `undefined` after the client's half-close. If the client cancels or is gone, or the deadline
 * passes, it rejects with the `GrpcError` that `signal.reason` also is. `sendEof()` is `sendTrailingMetadata()` with
 * status OK. `abort(reason)` fails the call with the status of a `GrpcError`, or with CANCELLED.
 */
export interface ServerCall<Request extends {}, Response extends {}>
  extends CommonCall,
    ObjectStream<Response, Request> {
  /** The side of the call: `"server"`. */
  readonly role: "server";
  /** The client. */
  readonly peer: Peer;
  /** The metadata that the client sent with its request. It is frozen. */
  readonly metadata: Metadata;
  /** The `user-agent` of the client. */
  readonly userAgent: string | undefined;
  /**
   * The signal that aborts if the call ends before its handler does: the client cancelled or is gone, the deadline
   * passed, or the server closes.
   */
  readonly signal: AbortSignal;
  /**
   * The metadata that goes out with the status, from short handlers too. Handlers add to it what they know at the end.
   */
  readonly trailingMetadata: Metadata;
  /** Sends a message. It resolves when there is room for more. @throws GrpcError, CallUsageError */
  send(message: Response, options?: MessageOptions): Promise<void>;
  /**
   * Sends the response's headers and this metadata now. It can be called once, before the first message.
   * @throws CallUsageError, MetadataError, GrpcError; TypeError for a compression that is not known
   */
  sendInitialMetadata(metadata?: MetadataInit, options?: ResponseOptions): Promise<void>;
  /**
   * Ends the call with a status, after everything that was sent. `metadata` is added to `trailingMetadata`. It resolves
   * when the status is on its way.
   * @throws CallUsageError for a second end, or for OK if the one response message was not sent; MetadataError,
   * GrpcError
   */
  sendTrailingMetadata(metadata?: MetadataInit, options?: StatusOptions): Promise<void>;
}
