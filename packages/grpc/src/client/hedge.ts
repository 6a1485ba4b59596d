/**
 * An attempt of a call beside the call's own one (gRFC A6). It only waits for the beginning of an answer: the call
 * takes its stream when it wins, and hears all events of it from then on.
 */
import { ErrorCode, type HeaderField, type Http2Stream, type StreamReset } from "@trunkline/h2";
import type { Metadata } from "@trunkline/metadata";
import type { AttemptChain } from "../hooks/attempts.js";
import type { GrpcError } from "../wire/errors.js";
import { readFailedAnswer } from "../wire/headers.js";
import { Status } from "../wire/status.js";
import { errorOfReset } from "../wire/wire-status.js";
import { type AttemptFailure, maxResends, type SideAttempt } from "./attempts.js";
import type { WaitingCall } from "./call-queue.js";
import type { CallStarter } from "./channel-core.js";
import type { CallConnection, ClientStream } from "./connection.js";

/** The call of a hedge. It hears the events of the stream once the hedge has won. */
export interface HedgeOwner extends Omit<ClientStream, "onOpened"> {
  onHeaders(fields: readonly HeaderField[], end: boolean): void;
  onBudgetExhausted(): void;
  readonly path: string;
  readonly requestMetadata: Metadata;
  readonly waitForReady: boolean;
  /** Lets hooks see the attempt. Returns false where one of them has failed, which ends the call. */
  prepareHedge(hedge: Hedge, transparent: boolean): boolean;
  /** Sends the request on the hedge's stream. */
  openHedge(hedge: Hedge, connection: CallConnection, stream: Http2Stream, waited: boolean): void;
  /** Returns whether the call goes on without the hedge, which has failed and was left then. */
  goesOnWithout(hedge: Hedge, failure: AttemptFailure): boolean;
  /** Ends the call with what a hedge has failed with, unless the call goes on without it. */
  onHedgeLost(hedge: Hedge, error: GrpcError): void;
  /** Makes the hedge's stream that of the call. */
  adopt(hedge: Hedge, connection: CallConnection, stream: Http2Stream): void;
}

export class Hedge implements SideAttempt, WaitingCall {
  readonly #owner: HedgeOwner;
  readonly #connections: Pick<CallStarter, "start" | "forget">;
  readonly previousAttempts: number;
  /** The hooks of this attempt. */
  chain: AttemptChain | undefined = undefined;
  /** The metadata of this attempt, where hooks have changed it. */
  fields: readonly HeaderField[] | undefined = undefined;
  #connection: CallConnection | undefined = undefined;
  #stream: Http2Stream | undefined = undefined;
  #stage: "running" | "won" | "over" = "running";
  #atOnce = false;
  #resends = 0;

  constructor(owner: HedgeOwner, connections: Pick<CallStarter, "start" | "forget">, previousAttempts: number) {
    this.#owner = owner;
    this.#connections = connections;
    this.previousAttempts = previousAttempts;
  }

  get path(): string {
    return this.#owner.path;
  }

  get requestMetadata(): Metadata {
    return this.#owner.requestMetadata;
  }

  get waitForReady(): boolean {
    return this.#owner.waitForReady;
  }

  begin(): void {
    this.#ask(false);
  }

  #ask(transparent: boolean): void {
    if (!this.#owner.prepareHedge(this, transparent)) return;
    this.#atOnce = true;
    this.#connections.start(this);
    this.#atOnce = false;
  }

  cancel(): void {
    this.leave(Status.CANCELLED);
  }

  /** Ends the attempt. `succeeded` false: its server has failed it. */
  leave(status: Status, succeeded?: boolean): void {
    if (this.#stage !== "running") return;
    this.#stage = "over";
    this.#stream?.reset(ErrorCode.CANCEL);
    if (this.#stream === undefined) this.#connections.forget(this);
    else this.#giveStreamBack(succeeded);
    this.#endChain(status);
  }

  #giveStreamBack(succeeded?: boolean): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream !== undefined) this.#connection?.finished(stream, succeeded);
  }

  #endChain(status: Status): void {
    this.chain?.end({ status, message: "" });
    this.chain = undefined;
  }

  onOpened(connection: CallConnection, stream: Http2Stream): void {
    this.#connection = connection;
    this.#stream = stream;
    this.#owner.openHedge(this, connection, stream, !this.#atOnce);
  }

  /** The config was known when the first hedge was planned. */
  onServiceConfig(): void {}

  onRefused(error: GrpcError): void {
    if (this.#stage === "running") this.#owner.onHedgeLost(this, error);
  }

  onHeaders(fields: readonly HeaderField[], end: boolean): void {
    if (this.#stage === "running") {
      this.#connection?.onAnswer();
      const failed = end ? readFailedAnswer(fields) : undefined;
      if (failed !== undefined && this.#owner.goesOnWithout(this, failed as AttemptFailure)) return;
      this.#win();
    }
    if (this.#stage === "won") this.#owner.onHeaders(fields, end);
  }

  #win(): void {
    if (this.#connection === undefined || this.#stream === undefined) return;
    this.#stage = "won";
    this.#owner.adopt(this, this.#connection, this.#stream);
  }

  onReset(reset: StreamReset): void {
    if (this.#stage === "won") this.#owner.onReset(reset);
    if (this.#stage !== "running") return;
    const error = errorOfReset(reset, "the server");
    this.#giveStreamBack(reset.unprocessed ? undefined : false);
    if (reset.unprocessed && this.#resends < maxResends) {
      this.#resends += 1;
      this.#endChain(Status.UNAVAILABLE);
      this.#ask(true);
    } else this.#owner.onHedgeLost(this, error);
  }

  onData(data: Uint8Array, end: boolean): void {
    if (this.#stage === "won") this.#owner.onData(data, end);
  }

  onTrailers(fields: readonly HeaderField[]): void {
    if (this.#stage === "won") this.#owner.onTrailers(fields);
  }

  onWritable(): void {
    if (this.#stage === "won") this.#owner.onWritable();
  }

  onBudgetExhausted(): void {
    if (this.#stage === "won") this.#owner.onBudgetExhausted();
  }
}
