/** The state of a resumable stream, and its events, for those who watch it. */
import { type AttributeKey, sharedAttribute } from "@trunkline/streams";
import type { Session } from "./session.js";

/** The state of a resumable stream, as it is whenever one of its properties is read. */
export interface Resumption {
  /** The name of the session, which stands in the router's log as that of the stream. */
  readonly session: string;
  /** The number of calls that have carried the stream, or were to. */
  readonly attempts: number;
  /** True while a call carries the stream to the other side. */
  readonly attached: boolean;
  /** The bytes that were sent and are not acknowledged, with 64 a frame. */
  readonly replayBytes: number;
  /** The bytes that have arrived and were not read, with 64 a frame. */
  readonly unreadBytes: number;
  /** The error by which the last call was lost. */
  readonly lastCause: Error | undefined;
}

/** The attribute of a resumable stream that tells its state; absent at streams that are none. */
export const resumption: AttributeKey<Resumption> = sharedAttribute("@trunkline/router", "resumption");

/** The state of a session for its user. */
export class ResumptionView implements Resumption {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get session(): string {
    return this.#session.name;
  }

  get attempts(): number {
    return this.#session.attempts;
  }

  get attached(): boolean {
    return this.#session.isAttached;
  }

  get replayBytes(): number {
    return this.#session.replay.bytes;
  }

  get unreadBytes(): number {
    return this.#session.window.unread;
  }

  get lastCause(): Error | undefined {
    return this.#session.lastCause;
  }
}

/** A change of a resumable stream. */
export type ResumptionEvent =
  /** The call that carried the stream is lost. Nothing else is: the stream waits for the next one. */
  | { readonly kind: "detached"; readonly session: string; readonly cause: Error }
  /** Another call carries the stream, after so many attempts and so long. */
  | { readonly kind: "resumed"; readonly session: string; readonly attempts: number; readonly pausedMs: number };
