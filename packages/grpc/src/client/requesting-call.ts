/**
 * The sending half of a call at its client: the one request message, kept until the call has a stream, or messages and their end; each through the
 * interceptors.
 */
import { reasonText } from "@trunkline/base";
import { CallStream, endStream, keepOpen } from "../call/call-stream.js";
import { checkSendMessageBytes } from "../call/defaults.js";
import type { HookChain } from "../hooks/chain.js";
import type { Method } from "../service/method.js";
import { CallUsageError, GrpcError } from "../wire/errors.js";
import type { FramedMessage } from "../wire/message.js";
import { Status } from "../wire/status.js";
import type { CallPlan } from "./call-plan.js";
import { interceptorError } from "./interception.js";

export abstract class RequestingCall<Request extends {}, Response extends {}> extends CallStream<Request, Response> {
  protected readonly outgoingName = "request";
  protected readonly plan: CallPlan;
  protected phase: "new" | "waiting" | "open" | "ended" = "new";
  /** How it ended, other than with OK. */
  protected error: Error | undefined = undefined;
  /** The one request message, framed; kept to be sent when there is a stream, or again. */
  protected request: FramedMessage | undefined = undefined;
  /** The end of many request messages was given. */
  protected endGiven = false;
  /** Something was sent that is not kept, so that the call cannot be sent again. */
  protected committed = false;
  protected sentMessages = 0;

  constructor(method: Method, plan: CallPlan) {
    super(method, method.singleResponse, plan.maxReceiveMessageBytes);
    this.plan = plan;
    this.compression = plan.compression;
  }

  /** Every step begins the call. */
  protected abstract begin(): void;
  /** This side ends it. */
  protected abstract cancelWith(error: Error): void;

  protected encode(message: Request): Uint8Array {
    const given = this.hooks === undefined ? message : this.#requestThrough(this.hooks, message);
    let body: Uint8Array;
    try {
      body = this.method.request.encode(given);
    } catch (cause) {
      throw new GrpcError(Status.INTERNAL, `request message could not be encoded: ${reasonText(cause)}`, { cause });
    }
    checkSendMessageBytes("request", body, this.plan.maxSendMessageBytes);
    return body;
  }

  #requestThrough(hooks: HookChain, message: Request): {} {
    try {
      return hooks.requestMessage(message);
    } catch (error) {
      const told = interceptorError(error);
      this.cancelWith(told);
      throw told;
    }
  }

  protected beforeSend(): CallUsageError | undefined {
    if (this.method.singleRequest && this.request !== undefined && this.phase !== "ended") return this.#secondRequest();
    this.begin();
    return undefined;
  }

  #secondRequest(): CallUsageError {
    return new CallUsageError(`${this.path} takes one request message, and it was sent already`);
  }

  protected transmit(framed: FramedMessage): void {
    const { singleRequest } = this.method;
    this.sentMessages += 1;
    if (!singleRequest) this.committed = true;
    else if (this.request === undefined) this.request = framed;
    else throw this.#secondRequest();
    this.stream?.sendData(framed, singleRequest ? endStream : keepOpen);
  }

  protected transmitEnd(): void {
    if (this.method.singleRequest) return; // It went with the message.
    this.endGiven = true;
    // Before there is a stream, the end waits for it.
    this.stream?.sendData([], endStream);
  }

  protected override endOutput(): Promise<void> {
    if (this.method.singleRequest && this.request === undefined && this.phase !== "ended") {
      return Promise.reject(new CallUsageError(`${this.path} takes one request message, and it was not sent`));
    }
    this.begin();
    // The server has had enough and says that all is well: there is nobody left to be told of an end.
    if (this.phase === "ended" && this.error === undefined) return Promise.resolve();
    return super.endOutput();
  }
}
