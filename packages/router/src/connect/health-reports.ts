/** Tells the exchange of the health of what is behind a listener, until it has taken the word. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Clock } from "@trunkline/base";
import { type Channel, GrpcError, Status } from "@trunkline/grpc";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import type { HealthSchema } from "../gen/trunkline/v1/exchange_pb.js";
import { peerKey } from "../stream/peer-key.js";
import { exchangeClient } from "./clients.js";

/** The time for one report. */
const reportTimeoutMs = 10_000;
/** The wait before a report that was not taken is made again. */
const retryMs = 1_000;

export interface HealthReportsOptions {
  readonly problem: string | undefined;
  readonly clock: Clock;
  authorization(): Promise<MetadataInit>;
}

type Message = MessageInitShape<typeof HealthSchema> | undefined;

export class HealthReports {
  readonly #name: string;
  readonly #peerId: string;
  readonly #options: HealthReportsOptions;
  #problem: string | undefined;
  /** The channel on which the name is registered. */
  #channel: Channel | undefined;
  /** The message that the exchange has taken last. */
  #taken: Message;
  #busy = false;
  #stopped = false;
  #cancel: () => void = () => {};

  constructor(name: string, peerId: string, options: HealthReportsOptions) {
    this.#name = name;
    this.#peerId = peerId;
    this.#options = options;
    this.#problem = options.problem;
  }

  /** The word on the health, undefined where all is well. */
  get message(): Message {
    return this.#problem === undefined ? undefined : { failing: true, reason: this.#problem };
  }

  set(problem: string | undefined): void {
    this.#problem = problem;
    void this.#report();
  }

  /** Begins anew with a registration, which has carried `sent`. */
  registered(channel: Channel, sent: Message): void {
    this.#channel = channel;
    this.#taken = sent;
    void this.#report();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** Reports until the exchange knows the present state. One report is under way at a time. */
  async #report(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#cancel();
    try {
      while (!this.#stopped && this.#channel !== undefined && this.#taken?.reason !== this.#problem) {
        const { message: health } = this;
        const channel = this.#channel;
        const metadata = Metadata.from(await this.#options.authorization()).clone();
        metadata.set(peerKey, this.#peerId);
        await exchangeClient(channel).report({ name: this.#name, health }, { metadata, timeoutMs: reportTimeoutMs });
        if (channel === this.#channel) this.#taken = health;
      }
    } catch (error) {
      // An exchange that does not know of health is asked no more. Others are told again, or at the next registration.
      if (error instanceof GrpcError && error.status === Status.UNIMPLEMENTED) this.#channel = undefined;
      else this.#retry();
    } finally {
      this.#busy = false;
    }
  }

  #retry(): void {
    const { clock } = this.#options;
    if (!this.#stopped) this.#cancel = clock.at(clock.nowMs() + retryMs, () => void this.#report(), "watch");
  }
}
