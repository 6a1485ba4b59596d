/** A listener at the exchange: a call of `Listen` that lasts as long as the listener wants the name. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { deferred } from "@trunkline/base";
import type { GrpcError, ServerCall } from "@trunkline/grpc";
import type { ListenRequest, ListenResponseSchema } from "../gen/trunkline/v1/exchange_pb.js";

export type ListenEvent = MessageInitShape<typeof ListenResponseSchema>;
export type ListenCall = ServerCall<ListenRequest, ListenEvent>;

/** The number of heartbeats that a listener may leave untaken: one may be late, and one may wait behind offers. */
export const maxUntakenHeartbeats = 3;

export class ListenerEntry {
  readonly name: string;
  readonly identity: string;
  readonly request: ListenRequest;
  readonly call: ListenCall;
  readonly sinceUnixMs: number;
  /** True while a heartbeat waits for room in the listener's window. */
  #beating = false;
  /** The number of heartbeats in a row that the listener had no room for. */
  #untaken = 0;
  readonly #over = deferred<void>(true);

  constructor(identity: string, request: ListenRequest, call: ListenCall, sinceUnixMs: number) {
    this.name = request.name;
    this.identity = identity;
    this.request = request;
    this.call = call;
    this.sinceUnixMs = sinceUnixMs;
  }

  /** Settles when the call is to end: with OK, or with an error. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Ends the call, with OK unless there is an error. Only the first end counts. */
  finish(error?: GrpcError): void {
    if (error === undefined) this.#over.resolve();
    else this.#over.reject(error);
  }

  /**
   * Sends a heartbeat unless the last one still waits.
   * @returns false if the listener has left the last `maxUntakenHeartbeats` untaken
   */
  beat(): boolean {
    if (this.#untaken >= maxUntakenHeartbeats) return false;
    this.#untaken += 1;
    if (this.#beating) return true;
    this.#beating = true;
    this.call.send({ event: { case: "heartbeat", value: {} } }).then(
      () => {
        this.#beating = false;
        this.#untaken = 0;
      },
      () => {
        this.#beating = false; // offers fill the queue, or the call is over
      },
    );
    return true;
  }
}
