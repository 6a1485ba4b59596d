/** One side of a stream at the router: a call whose handler waits here until the router has no more use for it. */
import type { GrpcError, ServerCall } from "@trunkline/grpc";

export type ForwardedCall = ServerCall<Uint8Array, Uint8Array>;

export class Peer {
  readonly call: ForwardedCall;
  /** The name that it came with. */
  readonly stream: string;
  /** It has ended its half, and all of it has been passed on. */
  ended = false;
  /** Settles when the call's handler is to end: with OK, or with an error. */
  readonly over: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (error: GrpcError) => void = () => {};

  constructor(call: ForwardedCall, stream: string) {
    this.call = call;
    this.stream = stream;
    this.over = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.over.catch(() => {}); // it may fail before its handler waits
  }

  get address(): string {
    return this.call.peer.address;
  }

  /** The call is over, or its client: a place on the connection is not kept for what others still have to read. */
  get gone(): boolean {
    return this.call.signal.aborted;
  }

  /** Ends the call, with OK unless there is an error. The first end counts. */
  finish(error?: GrpcError): void {
    if (error === undefined) this.#resolve();
    else this.#reject(error);
  }
}
