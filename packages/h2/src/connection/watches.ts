/**
 * Watches what a connection waits for from its peer: the handshake, its reading of our answers, the rest of a frame and
 * of a header section, and the taking of output. Each wait has an option of its own (`options/limits.ts`).
 */
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import type { Core } from "./core.js";
import type { FrameReceiver } from "./receive.js";
import { Watch } from "./watch.js";

const never = Number.POSITIVE_INFINITY;
/**
 * The factor by which a DATA frame has more time: half of one may be a network that fails for a while
 * (`frameTimeoutMs`).
 */
const dataFramePatience = 6;

export class Watches {
  readonly #core: Core;
  readonly #receiver: FrameReceiver;
  /** The time when the handshake began, until it is done. */
  #handshakeSince: number | undefined;
  /** The time since which the peer has not read what it made us answer. */
  #unreadSince: number | undefined;
  /** Watches a frame that has begun. */
  readonly #frame: Watch = new Watch();
  /** Watches a header section that has begun. */
  readonly #section: Watch = new Watch();
  /** Watches output that waits. */
  readonly #output: Watch = new Watch();
  /** True where the last `takeOutput` gave something and no other one has followed: the transport takes no more. */
  #unwritten = false;

  constructor(core: Core, receiver: FrameReceiver) {
    this.#core = core;
    this.#receiver = receiver;
  }

  /** Begins the time of the connection. */
  begin(now: number): void {
    if (!this.#core.settings.peerReceived) this.#handshakeSince = now;
  }

  /** Takes note of bytes from the peer. `reads` says whether we read on, `answersAreRead` whether the peer reads. */
  received(now: number, reads: boolean, answersAreRead: boolean): void {
    if (this.#handshakeSince !== undefined && this.#core.settings.peerReceived) this.#handshakeSince = undefined;
    if (!answersAreRead) this.#unreadSince ??= now;
    const { unfinished, inHeaderSection, sections, progress } = this.#receiver;
    // While we do not read, it is not the peer that is slow. Before the first SETTINGS the handshake's limit holds.
    const waits = reads && this.#handshakeSince === undefined;
    this.#frame.update(waits && unfinished !== undefined ? progress : undefined, this.#frameTimeoutMs, now);
    const { headerSectionTimeoutMs } = this.#core.options.limits;
    this.#section.update(waits && inHeaderSection ? sections : undefined, headerSectionTimeoutMs, now);
    this.#watchOutput(now);
  }

  /** Takes note that output was taken: `unwritten` says that the transport may take no more. */
  taken(unwritten: boolean, now: number): void {
    this.#unreadSince = undefined;
    this.#unwritten = unwritten;
    this.#watchOutput(now);
  }

  /** True where output that waits is looked at already. */
  get watchesOutput(): boolean {
    return this.#output.lookAt !== undefined;
  }

  /** The time at which `check` has to be called. */
  get deadline(): number {
    const { handshakeTimeoutMs, unreadAnswersTimeoutMs, goAwayTimeoutMs } = this.#core.options.limits;
    return Math.min(
      (this.#handshakeSince ?? never) + handshakeTimeoutMs,
      (this.#unreadSince ?? never) + unreadAnswersTimeoutMs,
      (this.#core.goAway.announcedAt ?? never) + goAwayTimeoutMs,
      this.#frame.lookAt ?? never,
      this.#section.lookAt ?? never,
      this.#output.lookAt ?? never,
    );
  }

  /** Ends the connection where something was waited for in vain. */
  check(now: number): void {
    const core = this.#core;
    const { handshakeTimeoutMs, unreadAnswersTimeoutMs, goAwayTimeoutMs } = core.options.limits;
    if (now >= (this.#handshakeSince ?? never) + handshakeTimeoutMs) {
      const message = `no SETTINGS from the peer within handshakeTimeoutMs (${handshakeTimeoutMs})`;
      core.fail(connectionError(ErrorCode.SETTINGS_TIMEOUT, message));
    } else if (now >= (this.#unreadSince ?? never) + unreadAnswersTimeoutMs) {
      this.#fail(`the peer has not read our answers within unreadAnswersTimeoutMs (${unreadAnswersTimeoutMs})`);
    } else if (now >= (core.goAway.announcedAt ?? never) + goAwayTimeoutMs) core.finishGoAway();
    this.#checkInput(now);
    this.#checkOutput(now);
  }

  #checkInput(now: number): void {
    const frameTimeoutMs = this.#frameTimeoutMs;
    const { headerSectionTimeoutMs } = this.#core.options.limits;
    if (this.#frame.look(frameTimeoutMs, now) === "over")
      this.#fail(`a frame that has begun was not finished within ${frameTimeoutMs} ms`);
    if (this.#section.look(headerSectionTimeoutMs, now) === "over")
      this.#fail(`a header section was not finished within headerSectionTimeoutMs (${headerSectionTimeoutMs})`);
  }

  #checkOutput(now: number): void {
    const core = this.#core;
    const { stalledOutputTimeoutMs } = core.options.limits;
    const output = this.#output.look(stalledOutputTimeoutMs, now);
    if (core.closed) return;
    if (output === "late") core.pings.send(now);
    else if (output === "over") {
      const limit = `stalledOutputTimeoutMs (${stalledOutputTimeoutMs})`;
      this.#fail(`nothing was read and no PING answered within ${limit}`);
    }
  }

  /**
   * Watches output that waits for the peer to read or to open its windows. All that comes from the peer is a sign of
   * life.
   */
  #watchOutput(now: number): void {
    const { scheduler, options } = this.#core;
    const waits = options.role === "server" && (this.#unwritten || scheduler.queuedBytes > 0);
    const progress = waits ? scheduler.framesSent + this.#receiver.progress : undefined;
    this.#output.update(progress, options.limits.stalledOutputTimeoutMs, now);
  }

  get #frameTimeoutMs(): number {
    const { frameTimeoutMs } = this.#core.options.limits;
    return this.#receiver.unfinished === "data" ? frameTimeoutMs * dataFramePatience : frameTimeoutMs;
  }

  #fail(message: string): void {
    this.#core.fail(connectionError(ErrorCode.ENHANCE_YOUR_CALM, message));
  }
}
