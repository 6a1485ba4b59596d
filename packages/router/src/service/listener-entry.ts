/** Somebody who listens at the exchange: a call that lasts as long. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GrpcError, ServerCall } from "@trunkline/grpc";
import type { ListenRequest, ListenResponseSchema } from "../gen/trunkline/v1/exchange_pb.js";

export type ListenEvent = MessageInitShape<typeof ListenResponseSchema>;
export type ListenCall = ServerCall<ListenRequest, ListenEvent>;

export class ListenerEntry {
  readonly name: string;
  readonly identity: string;
  readonly request: ListenRequest;
  readonly call: ListenCall;
  readonly sinceUnixMs: number;
  readonly over: Promise<void>;
  /** The last heartbeat has not gone out yet. */
  #beating = false;
  #end: (error?: GrpcError) => void = () => {};

  constructor(identity: string, request: ListenRequest, call: ListenCall, sinceUnixMs: number) {
    this.name = request.name;
    this.identity = identity;
    this.request = request;
    this.call = call;
    this.sinceUnixMs = sinceUnixMs;
    this.over = new Promise((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.over.catch(() => {}); // it may fail before its handler waits
  }

  /** Lets the call end, with OK unless there is an error. */
  finish(error?: GrpcError): void {
    this.#end(error);
  }

  /** Sends a sign of life, if the last one is on its way. */
  beat(): void {
    if (this.#beating) return;
    this.#beating = true;
    const sent = (): void => {
      this.#beating = false;
    };
    this.call.send({ event: { case: "heartbeat", value: {} } }).then(sent, sent);
  }
}
