/**
 * The part of the exchange that serves sessions: it makes their tickets, shows a peer that comes back the way to a
 * router, and takes the word of one that has left. It keeps nothing of a session: a ticket says all, so that a router
 * that was restarted with the same key serves it as before.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { GrpcError, Status } from "@trunkline/grpc";
import {
  type AttachRequest,
  type AttachResponseSchema,
  type LeaveRequest,
  type Resumption,
  ResumptionSchema,
} from "../gen/trunkline/v1/exchange_pb.js";
import type { Access, Caller } from "../policy/access.js";
import { type KilledStreams, killText } from "../registry/killed-streams.js";
import type { Role } from "../rendezvous.js";
import { deniedError } from "../session/final.js";
import type { TokenMinter } from "../token/minter.js";
import { type Ticket, TokenError, type TokenVerifier } from "../token/verifier.js";
import type { SessionHalves } from "./session-halves.js";

export interface SessionTicketsOptions {
  readonly verifier: TokenVerifier;
  readonly minter: TokenMinter;
  readonly access: Access;
  readonly killed: KilledStreams;
  /** Returns the time by which killed streams are kept. */
  nowMs(): number;
  readonly sessions: SessionHalves;
  readonly routerEndpoint: string;
  /** The time for which the token of an attempt is good. */
  readonly attemptMs: number;
  unixNowMs(): number;
}

/** One side of a session, as its ticket names it. */
export interface SessionSide extends Ticket {
  readonly session: string;
  readonly role: Role;
}

/** The longest message of a peer that leaves; longer ones are cut. */
const maxMessageChars = 1_024;

export class SessionTickets {
  readonly #options: SessionTicketsOptions;

  constructor(options: SessionTicketsOptions) {
    this.#options = options;
  }

  /** Returns what one side of a new session needs to come back to it. */
  resumption(session: string, role: Role, ticket: Ticket): Resumption {
    return create(ResumptionSchema, { session, ticket: this.#options.minter.forTicket(session, role, ticket) });
  }

  /**
   * Reads a ticket. @throws GrpcError UNAUTHENTICATED for one that is none or was not made here; PERMISSION_DENIED for
   * one of another identity, or where an operator has ended the session or the policy does not allow it any more
   */
  async read(text: string, caller: Caller): Promise<SessionSide> {
    const { verifier, access, killed, nowMs, unixNowMs } = this.#options;
    const verified = await verifier.verify(text).catch((error: unknown) => {
      if (!(error instanceof TokenError)) throw error;
      throw new GrpcError(Status.UNAUTHENTICATED, `invalid ticket: ${error.message}`);
    });
    const { subject: session, role, ticket } = verified;
    if (ticket === undefined || role === undefined)
      throw new GrpcError(Status.UNAUTHENTICATED, "invalid ticket: it names no session");
    const owner = role === "dial" ? ticket.dialler : ticket.listener;
    if (owner !== caller.identity) throw deniedError("the ticket is of another identity");
    const kill = killed.find(session, nowMs());
    if (kill !== undefined) throw deniedError(killText(kill));
    const { name, dialler, startedAtUnixMs } = ticket;
    const refusal =
      (role === "dial" ? access.dialRefusal(caller, name) : access.listenRefusal(caller, name)) ??
      access.ageRefusal(dialler, unixNowMs() - startedAtUnixMs);
    if (refusal !== undefined) throw deniedError(refusal);
    return { ...ticket, session, role };
  }

  /** Returns the way to a router, for the attempt of a side. @throws GrpcError where the other one has left */
  wayFor(side: SessionSide, { attempt }: AttachRequest): MessageInitShape<typeof AttachResponseSchema> {
    const { minter, routerEndpoint, attemptMs } = this.#options;
    const { session, role } = side;
    this.#options.sessions.checkNotLeft(session);
    const ticket = minter.forTicket(session, role, side);
    if (attempt === 0) return { ticket };
    return { endpoint: routerEndpoint, token: minter.forStream(session, role, attemptMs, attempt), ticket };
  }

  /** Takes the word of a side that it has ended the session. */
  leave({ session }: SessionSide, { status, message }: LeaveRequest): void {
    this.#options.sessions.left(session, status, message.slice(0, maxMessageChars));
  }
}
