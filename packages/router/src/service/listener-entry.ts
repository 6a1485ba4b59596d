/** A listener at the exchange: a call of `Listen` that lasts as long as the listener wants the name. */
import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { abortable, type Deferred, deferred, Fifo } from "@trunkline/base";
import { GrpcError, type ServerCall, Status } from "@trunkline/grpc";
import type { ListenRequest, ListenResponseSchema } from "../gen/trunkline/v1/exchange_pb.js";
import type { Caller } from "../policy/access.js";
import { OfferRecord } from "../registry/offer-record.js";
import { peerIdOf } from "../stream/peer-key.js";
import { ListenerHealth } from "./listener-health.js";

export type ListenEvent = MessageInitShape<typeof ListenResponseSchema>;
export type ListenCall = ServerCall<ListenRequest, ListenEvent>;

/** The number of heartbeats that a listener may leave untaken: one may be late, and one may wait behind offers. */
export const maxUntakenHeartbeats = 3;

/** The number of offers that are given to the call at once; the others wait here, in order. */
const maxOffersUnderWay = 32;

export class ListenerEntry {
  /** The name by which an operator tells it from others. */
  readonly id: string = randomUUID();
  readonly name: string;
  readonly caller: Caller;
  /** The name that the listener gives itself. */
  readonly peerId: string | undefined;
  /** The streams that were offered to the listener. */
  readonly record: OfferRecord = new OfferRecord();
  /** The number of the last offer among those of all listeners, 0 before the first. */
  lastTurn = 0;
  readonly request: ListenRequest;
  readonly health: ListenerHealth;
  readonly call: ListenCall;
  readonly sinceUnixMs: number;
  /** True while a heartbeat waits for room in the listener's window. */
  #beating = false;
  /** The number of heartbeats in a row that the listener had no room for. */
  #untaken = 0;
  readonly #over = deferred<void>(true);
  readonly #maxWaitingDials: number;
  /** The turns of the offers that wait. */
  readonly #turns: Fifo<Deferred<void>> = new Fifo();
  #offersUnderWay = 0;

  constructor(caller: Caller, request: ListenRequest, call: ListenCall, sinceUnixMs: number, maxWaitingDials: number) {
    this.name = request.name;
    this.caller = caller;
    this.peerId = peerIdOf(call.metadata);
    this.request = request;
    this.health = new ListenerHealth(request.health);
    this.call = call;
    this.sinceUnixMs = sinceUnixMs;
    this.#maxWaitingDials = maxWaitingDials;
  }

  /** The identity of the listener. */
  get identity(): string {
    return this.caller.identity;
  }

  /** Returns false for a listener that leaves heartbeats or offers untaken. */
  takesOffers(nowMs: number): boolean {
    return this.#untaken <= 1 && this.record.takesOffers(nowMs);
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
   * Sends an offer after those before it; resolves when the listener has room for it. An offer whose signal fires
   * before that is not sent.
   * @throws GrpcError RESOURCE_EXHAUSTED where `maxWaitingDials` wait already, the error of the listener's call, or the
   * signal's reason
   */
  async offer(offer: ListenEvent, signal: AbortSignal): Promise<void> {
    await this.#turn(signal);
    const sent = this.call.send(offer, { signal });
    const onSent = (): void => this.#endTurn();
    sent.then(onSent, onSent);
    await sent;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#offersUnderWay < maxOffersUnderWay) {
      this.#offersUnderWay += 1;
      return;
    }
    const max = this.#maxWaitingDials;
    if (this.#turns.size >= max) {
      throw new GrpcError(
        Status.RESOURCE_EXHAUSTED,
        `${max + 1} dials would wait for the listener of "${this.name}", more than maxWaitingDials (${max})`,
      );
    }
    const turn = deferred<void>(true);
    this.#turns.push(turn);
    try {
      await abortable(turn.promise, signal);
    } catch (error) {
      if (!this.#turns.remove(turn)) this.#endTurn(); // it had come in the same moment
      throw error;
    }
  }

  #endTurn(): void {
    const next = this.#turns.shift();
    if (next === undefined) this.#offersUnderWay -= 1;
    else next.resolve();
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
