/** One side of a stream at the router: a call whose handler waits here until the router needs it no more. */
import { deferred } from "@trunkline/base";
import type { GrpcError, ServerCall } from "@trunkline/grpc";
import type { Kill } from "../registry/killed-streams.js";
import type { DialledStream } from "../registry/streams.js";
import type { Role } from "../rendezvous.js";
import type { VerifiedToken } from "../token/verifier.js";

export type ForwardedCall = ServerCall<Uint8Array, Uint8Array>;

export class Peer {
  readonly call: ForwardedCall;
  /** The name of the stream, which is the subject of the peer's token. */
  readonly stream: string;
  /** The role in the peer's token. */
  readonly role: Role | undefined;
  /** The `jti` of the peer's token. */
  readonly tokenId: string | undefined;
  /** The number of the attempt in the peer's token, where the stream is a session. */
  readonly attempt: number | undefined;
  /** The stream of the exchange that the token is for; undefined for tokens from elsewhere. */
  readonly dialled: DialledStream | undefined;
  /** The bytes of the frames that came from the peer and were passed on. */
  bytes = 0;
  /** True once the peer has ended its half, and all of it has been passed on. */
  ended = false;
  /** The end by an operator, once there is one. */
  kill: Kill | undefined = undefined;
  /** True once the peer was joined to its other side. */
  joined = false;
  /** The time at which the peer came, and then that of its last frame. */
  lastFrameAtMs: number;
  /** The bytes of a frame that has come and was not passed on yet. */
  heldBytes = 0;
  /** True while that frame waits for the rate that the policy sets. */
  paced = false;
  /** True once a frame by which it aborts the stream has been passed on. */
  aborted = false;
  readonly #over = deferred<void>(true);

  /** A number that no other peer of this router has. */
  readonly number: number;

  constructor(
    call: ForwardedCall,
    token: VerifiedToken,
    dialled: DialledStream | undefined,
    { number, nowMs }: { readonly number: number; readonly nowMs: number },
  ) {
    this.number = number;
    this.lastFrameAtMs = nowMs;
    this.call = call;
    this.stream = token.subject;
    this.role = token.role;
    this.tokenId = token.tokenId;
    this.attempt = token.attempt;
    this.dialled = dialled;
  }

  /** Settles when the call's handler is to end: with OK, or with an error. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  get address(): string {
    return this.call.peer.address;
  }

  /**
   * True once the call has ended or its client is lost. Its place on the connection is free then, whatever the other
   * side still has to read.
   */
  get gone(): boolean {
    return this.call.signal.aborted;
  }

  /** Ends the call, with OK unless there is an error. Only the first end counts. */
  finish(error?: GrpcError): void {
    if (error === undefined) this.#over.resolve();
    else this.#over.reject(error);
  }
}
