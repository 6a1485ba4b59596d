/** A call as a duplex of Node, for `@GrpcStreamCall`: its handlers read and write messages as those of grpc-js do. */
import { Duplex } from "node:stream";
import type { ServerCall } from "@trunkline/grpc";
import { GrpcMetadata, isGrpcJsMetadata, toMetadata } from "./metadata.js";
import { deadlineOf, type GrpcServerCall, sendInitial, tellCancelled } from "./server-call.js";

/**
 * A call of `@GrpcStreamCall`. Messages are read by `"data"` or iteration, and sent by `write`, whose result says when
 * to wait for `"drain"`. `end()` ends the call with OK, `end(metadata)` with trailing metadata, `destroy(error)` and
 * `emit("error", error)` with the status of the error.
 */
export class GrpcServerDuplex extends Duplex implements GrpcServerCall {
  readonly metadata: GrpcMetadata;
  readonly trunkline: ServerCall<{}, {}>;
  readonly request: undefined = undefined;
  /** Settles when the handler has ended the call, or the call is over; rejects with the error that it ended with. */
  readonly finished: Promise<void>;

  constructor(call: ServerCall<{}, {}>) {
    super({ objectMode: true });
    this.trunkline = call;
    this.metadata = new GrpcMetadata(call.metadata);
    this.finished = new Promise((resolve, reject) => {
      this.once("finish", resolve);
      this.once("cancelled", resolve);
      this.once("close", resolve);
      // An error without a listener would end the process; this one is the status of the call.
      this.on("error", reject);
    });
    this.finished.catch(() => {});
    tellCancelled(call, this);
  }

  get cancelled(): boolean {
    return this.trunkline.signal.aborted;
  }

  override _read(): void {
    this.trunkline.receive().then(
      (message) => void this.push(message ?? null),
      (error: Error) => {
        // A handler that reads sees the end; `"cancelled"` tells why.
        if (this.cancelled) this.push(null);
        else this.destroy(error);
      },
    );
  }

  override _write(message: {}, _encoding: unknown, done: (error?: Error) => void): void {
    this.trunkline.send(message).then(
      () => done(),
      (error: Error) => done(this.cancelled ? undefined : error),
    );
  }

  override end(...args: unknown[]): this {
    const [first] = args;
    if (isGrpcJsMetadata(first)) {
      for (const [key, value] of toMetadata(first)) this.trunkline.trailingMetadata.append(key, value as string);
      return super.end();
    }
    return super.end(...(args as []));
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
