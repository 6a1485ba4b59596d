/**
 * One end of an HTTP/2 connection (RFC 9113): bytes in, callbacks on a handler for each stream, bytes out; time is an
 * argument. This is a short façade: what came in is handled in `receive.ts`, and every state has its own file beside
 * this one.
 */
import { ErrorCode } from "../error-code.js";
import { H2Error } from "../errors.js";
import { clientPreface } from "../frame/preface.js";
import { guaranteedBytes } from "../options/byte-budget.js";
import { type ConnectionOptions, resolveOptions } from "../options/connection-options.js";
import type { Http2Stream, StreamHandler } from "../stream/handler.js";
import { Stream } from "../stream/stream.js";
import { Core } from "./core.js";
import type { AttachedDriver, ConnectionHandler } from "./handler.js";
import { FrameReceiver } from "./receive.js";
import { usage } from "./send.js";
import { Watches } from "./watches.js";

/** One end of an HTTP/2 connection. */
export class Connection {
  readonly #core: Core;
  readonly #receiver: FrameReceiver;
  readonly #watches: Watches;
  #started = false;

  /**
   * @throws RangeError for a number out of its range, TypeError for any other option that cannot be used, each naming
   * the option
   */
  constructor(options: ConnectionOptions, handler: ConnectionHandler) {
    const core = new Core(resolveOptions(options), handler);
    this.#core = core;
    this.#receiver = new FrameReceiver(core);
    this.#watches = new Watches(core, this.#receiver);
    if (core.options.role === "client") {
      core.output.writer.reserve(clientPreface.length);
      core.output.writer.writeBytes(clientPreface);
    }
    core.output.settings(core.settings.entries());
    core.windows.creditConnection();
  }

  /** The side of the connection. */
  get role(): "client" | "server" {
    return this.#core.options.role;
  }

  /**
   * True once nothing more comes in or can be sent; what `takeOutput` still holds should be written before the
   * transport ends.
   */
  get closed(): boolean {
    return this.#core.closed;
  }

  /** True once GOAWAY was sent or, at a client, received: there are no new streams. */
  get draining(): boolean {
    return this.#core.draining;
  }

  /** The error that the peer's GOAWAY named, if it named one; `onClose` is given the same. */
  get goAwayError(): H2Error | undefined {
    return this.#core.goAway.error;
  }

  /** The number of streams that are not closed or not released. */
  get activeStreams(): number {
    return this.#core.table.size;
  }

  /**
   * Returns the handlers of all streams that were not released, in the order of their identifiers: for rare events that
   * concern each.
   */
  handlers(): StreamHandler[] {
    const handlers: StreamHandler[] = [];
    for (const { released, handler } of this.#core.table.all())
      if (!released && handler !== undefined) handlers.push(handler);
    return handlers;
  }

  /** The shortest recent round trip in milliseconds, once one was measured. */
  get roundTripMs(): number | undefined {
    return this.#core.pings.roundTripMs;
  }

  /**
   * The largest header section the peer says it takes, counted as RFC 9113 §6.5.2 does; infinite where it says nothing.
   */
  get peerMaxHeaderListSize(): number {
    return this.#core.settings.peerMaxHeaderListSize;
  }

  /** True where the server takes extended CONNECT (RFC 8441): known once its SETTINGS have come. */
  get peerEnableConnectProtocol(): boolean {
    return this.#core.settings.peerEnableConnectProtocol;
  }

  /** Names the driver that moves the connection's bytes and knows the time. */
  attach(driver: AttachedDriver): void {
    this.#core.driver = driver;
    this.#core.output.driver = driver;
  }

  /**
   * Takes bytes from the peer, whose memory is used no more when this returns. Nothing is thrown for them: an error of
   * the peer becomes GOAWAY and `onClose`.
   * @returns how many octets were taken. They are fewer than there are if the work on them has taken the time that a
   * connection has in one turn: the rest is given again after other connections had their turn. `share` is the part of
   * that time that this connection gets where many have much to do.
   */
  receive(chunk: Uint8Array, now: number, share = 1): number {
    const core = this.#core;
    if (core.closed) return chunk.length;
    this.#tick(now);
    core.keepalive.received(now);
    let taken = chunk.length;
    try {
      taken = this.#receiver.receive(chunk, share);
    } catch (thrown) {
      core.contain(thrown);
    }
    this.#watches.received(now, this.wantsInput && !this.overBudget, this.#answersAreRead);
    return core.closed ? chunk.length : taken;
  }

  /**
   * Opens the next stream of a client; send its headers before another one is opened. Returns undefined when the peer
   * allows no more now (`onStreamsAvailable` will tell), or ever (`draining`, `closed`).
   * @throws H2Error (scope `usage`) at a server, which could only push
   */
  openStream(handler: StreamHandler): Http2Stream | undefined {
    const core = this.#core;
    if (core.options.role === "server") throw usage(0, "a server opens no streams");
    if (core.closed || core.draining) return undefined;
    const id = core.table.nextLocalId();
    // The output bound keeps streams that are opened and cancelled at once from piling up before a peer that does not
    // read.
    if (id === undefined || core.freeStreams <= 0 || core.output.length >= core.options.limits.outputBatchBytes) {
      core.streamsAwaited = true;
      return undefined;
    }
    const { settings, table } = core;
    const stream = new Stream(id, core, handler, settings.peerInitialWindow, settings.localInitialWindow, core.now);
    table.addLocal(stream);
    return stream;
  }

  /** Asks the peer for a sign of life by a PING. Returns the number that `onPong` is given with the answer. */
  ping(now: number): number {
    this.#tick(now);
    return this.#core.pings.send(now);
  }

  /**
   * Sends GOAWAY. With NO_ERROR live streams go on, and the connection closes with the last of them; a server does it
   * in two steps, so that no request on its way is lost. Any other code closes at once.
   */
  goAway(errorCode: ErrorCode, debug = ""): void {
    const core = this.#core;
    if (core.closed) return;
    if (errorCode !== ErrorCode.NO_ERROR) {
      core.fail(new H2Error(debug === "" ? "closed with an error" : debug, { errorCode, origin: "local" }));
      return;
    }
    core.closeGracefully(debug);
  }

  /**
   * Returns what to write now, as few large chunks; none when there is nothing. Call it again as long as it gives
   * something and the transport takes more.
   */
  takeOutput(): Uint8Array[] {
    const core = this.#core;
    try {
      if (!core.closed) core.scheduler.pump(core.options.limits.outputBatchBytes);
    } catch (thrown) {
      core.contain(thrown);
    }
    const chunks = core.output.take();
    if (!core.closed) core.scheduler.tellOutput();
    this.#watches.taken(chunks.length > 0, core.currentMs);
    core.outputWatched = this.#watches.watchesOutput;
    if (core.streamsAwaited) core.tellStreamsAvailable();
    if (core.scheduler.hasReady && !core.closed) core.output.announce();
    return chunks;
  }

  /** Returns what has been written so far, without writing more: may be taken at any time, also within callbacks. */
  takeWritten(): Uint8Array[] {
    const chunks = this.#core.output.take();
    this.#watches.taken(chunks.length > 0, this.#core.currentMs);
    return chunks;
  }

  /**
   * Returns what to call once the bytes that `takeOutput` or `takeWritten` gave last have gone to the system and
   * nothing reads their memory any more; undefined where nobody waits for that. A transport that cannot tell drops it.
   */
  takeCallbacks(): readonly (() => void)[] | undefined {
    return this.#core.output.writer.takeCallbacks();
  }

  /**
   * False while the peer does not read what it makes us answer, be it control frames or header sections: where the
   * transport takes no more, stop reading from it.
   */
  get wantsInput(): boolean {
    return this.#answersAreRead && this.#core.output.length < this.#core.options.limits.outputBatchBytes * 2;
  }

  get #answersAreRead(): boolean {
    const { output, options } = this.#core;
    return (
      output.controlBytes < options.limits.maxQueuedControlBytes &&
      output.pingAnswers < options.limits.maxQueuedPingAnswers
    );
  }

  /**
   * True while the connection holds more than its guaranteed share of a shared `receiveBudget` that is full: stop
   * reading from the peer. `onOutput` is called when there may be room again.
   */
  get overBudget(): boolean {
    const { windows, options } = this.#core;
    return options.limits.receiveBudget?.isFull === true && windows.unreadBytes > guaranteedBytes;
  }

  /** Returns when `handleTimeout` must be called at the latest; undefined when time changes nothing. */
  nextDeadline(): number | undefined {
    const core = this.#core;
    if (core.closed) return undefined;
    const deadline = Math.min(
      this.#watches.deadline,
      core.windows.assemblies?.deadline ?? Number.POSITIVE_INFINITY,
      core.lifetimeDeadline(),
    );
    return deadline === Number.POSITIVE_INFINITY ? undefined : deadline;
  }

  /** Tells the time. The driver's first call begins the handshake. */
  handleTimeout(now: number): void {
    const core = this.#core;
    if (core.closed) return;
    this.#tick(now);
    this.#watches.check(now);
    core.outputWatched = this.#watches.watchesOutput;
    if (core.closed) return;
    core.windows.assemblies?.check(now, this.overBudget);
    // It is not the peer that is silent: we do not read.
    if (!this.wantsInput || this.overBudget) core.keepalive.received(now);
    core.checkLifetime();
  }

  /**
   * Ends the connection, since its transport has ended or broken: every stream gets its `onReset`, then comes
   * `onClose`.
   */
  transportClosed(cause?: unknown): void {
    this.#core.lost(cause);
  }

  #tick(now: number): void {
    this.#core.now = now;
    if (this.#started) return;
    this.#started = true;
    this.#core.age.begin(now);
    this.#core.keepalive.received(now);
    this.#watches.begin(now);
  }
}
