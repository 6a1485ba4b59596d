/** The way of one side of a session: it asks the exchange with the session's ticket, and opens the calls at routers. */
import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AbortSignalLike, abortable, onAbort, pause } from "@trunkline/base";
import { type Client, Deadline, GrpcError, Status } from "@trunkline/grpc";
import type { MetadataInit } from "@trunkline/metadata";
import type { Clock } from "@trunkline/streams";
import type { AttachRequestSchema, DialRequestSchema, ExchangeService } from "../gen/trunkline/v1/exchange_pb.js";
import type { SessionCall, SessionWay } from "../session/session-stream.js";
import type { Channels } from "./channels.js";
import { exchangeClient, sessionClient } from "./clients.js";
import { streamCredentials } from "./open-stream.js";

export interface ExchangeWayOptions {
  readonly channels: Channels;
  readonly clock: Clock;
  authorization(): Promise<MetadataInit>;
  /** The ticket of this side. It goes to the exchange alone. */
  readonly ticket: string;
  /** The endpoint and the token of the first attempt, as the offer or the answer gave them. */
  readonly first: { readonly endpoint: string; readonly token: string };
  /** The request of the side that has dialled. */
  readonly request: MessageInitShape<typeof DialRequestSchema> | undefined;
}

/** The time for an answer of the exchange. It answers in milliseconds, so a connection that takes longer is dead. */
const askTimeoutMs = 5_000;
/** The time between two attempts to tell the exchange of an end. */
const leaveRetryMs = 200;

export class ExchangeWay implements SessionWay {
  readonly #options: ExchangeWayOptions;
  readonly #peerId: string = randomUUID();
  #ticket: string;

  constructor(options: ExchangeWayOptions) {
    this.#options = options;
    this.#ticket = options.ticket;
  }

  async open(attempt: number, again: boolean, signal: AbortSignalLike): Promise<SessionCall> {
    const { channels, first, request } = this.#options;
    const isOffered = again && request !== undefined;
    const { endpoint, token } =
      attempt === 1 ? first : await this.#attach({ attempt, ...(isOffered ? { again: request } : {}) }, signal);
    const call = sessionClient(channels.get(endpoint || undefined)).stream.open({
      metadata: streamCredentials(token, this.#peerId),
    });
    const forget = onAbort(signal, () => call.cancel(signal.reason));
    try {
      await call.start();
    } catch (error) {
      call.cancel();
      throw error;
    } finally {
      forget();
    }
    return call;
  }

  async leave(status: number, message: string, signal: AbortSignalLike): Promise<void> {
    for (;;) {
      try {
        await this.#ask(signal, (client, options) => client.leave({ ticket: this.#ticket, status, message }, options));
        return;
      } catch (error) {
        if (signal.aborted || (error instanceof GrpcError && error.status !== Status.UNAVAILABLE)) throw error;
        await abortable(pause(this.#options.clock, leaveRetryMs, "watch", undefined), signal);
      }
    }
  }

  async renew(): Promise<void> {
    await this.#attach({ attempt: 0 }, undefined);
  }

  async #attach(
    request: Omit<MessageInitShape<typeof AttachRequestSchema>, "ticket" | "$typeName">,
    signal: AbortSignalLike | undefined,
  ): Promise<{ readonly endpoint: string; readonly token: string }> {
    const answer = await this.#ask(signal, (client, options) =>
      client.attach({ ...request, ticket: this.#ticket }, options),
    );
    this.#ticket = answer.ticket;
    return answer;
  }

  /**
   * Makes a request as soon as there is a connection: all sessions of a client wait for the one that its channel makes.
   * A connection on which it gets no answer in time is not used again.
   */
  async #ask<Answer>(
    signal: AbortSignalLike | undefined,
    request: (
      client: Client<typeof ExchangeService>,
      options: { metadata: MetadataInit; deadline: Deadline; signal: AbortSignalLike | undefined },
    ) => Promise<Answer>,
  ): Promise<Answer> {
    const { channels, clock, authorization } = this.#options;
    const metadata = await authorization();
    const channel = await channels.exchange(true, signal);
    try {
      return await request(exchangeClient(channel), {
        metadata,
        deadline: Deadline.after(askTimeoutMs, clock),
        signal,
      });
    } catch (error) {
      if (error instanceof GrpcError && error.status === Status.DEADLINE_EXCEEDED) channels.retire(channel);
      throw error;
    }
  }
}
