/** A call at its server as the third argument of a Nest handler: what such handlers use of the calls of grpc-js. */
import { EventEmitter } from "node:events";
import { queueMicrotask } from "@trunkline/base/node";
import type { ServerCall } from "@trunkline/grpc";
import { GrpcMetadata, toMetadata } from "./metadata.js";

/** The part of a server's call that Nest handlers use. It emits `"cancelled"` when the call ends before its handler. */
export interface GrpcServerCall extends EventEmitter {
  /** The request message; undefined where the method has many. */
  readonly request: unknown;
  /** The metadata of the request. */
  readonly metadata: GrpcMetadata;
  /** True once the call is over, although its handler is not: cancelled, lost, or past its deadline. */
  readonly cancelled: boolean;
  /** The call of `@trunkline/grpc`, with all it can do. */
  readonly trunkline: ServerCall<{}, {}>;
  /** Sends the initial metadata, before the first message. */
  sendMetadata(metadata: unknown): void;
  /** Returns the address of the client. */
  getPeer(): string;
  /** Returns the path of the method: `"/package.Service/Method"`. */
  getPath(): string;
  /** Returns the deadline, as a date; `Infinity` if there is none. */
  getDeadline(): Date | number;
}

/** A call whose messages the handler is given otherwise. */
export class ServerCallView extends EventEmitter implements GrpcServerCall {
  readonly request: unknown;
  readonly metadata: GrpcMetadata;
  readonly trunkline: ServerCall<{}, {}>;

  constructor(call: ServerCall<{}, {}>, request?: unknown) {
    super();
    this.trunkline = call;
    this.request = request;
    this.metadata = new GrpcMetadata(call.metadata);
    tellCancelled(call, this);
  }

  get cancelled(): boolean {
    return this.trunkline.signal.aborted;
  }

  sendMetadata(metadata: unknown): void {
    sendInitial(this.trunkline, metadata);
  }

  getPeer(): string {
    return this.trunkline.peer.address;
  }

  getPath(): string {
    return this.trunkline.path;
  }

  getDeadline(): Date | number {
    return deadlineOf(this.trunkline);
  }
}

/** Emits `"cancelled"` when the call ends before its handler. */
export function tellCancelled({ signal }: ServerCall<{}, {}>, view: EventEmitter): void {
  if (signal.aborted) queueMicrotask(() => view.emit("cancelled"));
  else signal.addEventListener("abort", () => view.emit("cancelled"), { once: true });
}

/** Sends initial metadata. @throws TypeError or MetadataError for metadata that cannot be sent */
export function sendInitial(call: ServerCall<{}, {}>, metadata: unknown): void {
  // That the call is over, its other steps tell.
  call.sendInitialMetadata(toMetadata(metadata)).catch(() => {});
}

/** Returns the deadline of a call in the form of grpc-js. */
export function deadlineOf({ deadline }: ServerCall<{}, {}>): Date | number {
  if (deadline === undefined || deadline.remainingMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  return new Date(Date.now() + deadline.remainingMs);
}
