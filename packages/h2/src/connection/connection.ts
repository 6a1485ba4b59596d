/**
 * One end of an HTTP/2 connection (RFC 9113): bytes in, callbacks on one handler, bytes out; time is an argument.
 * A short façade: what came in is handled in `receive.ts`, and every state has its own file beside this one.
 */
import { ErrorCode } from "../error-code.js";
import { connectionError, H2Error } from "../errors.js";
import { clientPreface } from "../frame/preface.js";
import { type ConnectionOptions, resolveOptions } from "../options/connection-options.js";
import type { Http2Stream, StreamHandler } from "../stream/handler.js";
import { Stream } from "../stream/stream.js";
import { Core } from "./core.js";
import type { AttachedDriver, ConnectionHandler } from "./handler.js";
import { FrameReceiver } from "./receive.js";
import { usage } from "./send.js";
import { Watch } from "./watch.js";

const never = Number.POSITIVE_INFINITY;
/** Half a DATA frame may be a network that fails for a while: see `frameTimeoutMs`. */
const dataFramePatience = 6;

export class Connection {
  readonly #core: Core;
  readonly #receiver: FrameReceiver;
  /** When the handshake began, until it is done. */
  #handshakeSince: number | undefined;
  /** Since when the peer has not read what it made us answer. */
  #stalledSince: number | undefined;
  /** A frame that has begun. */
  readonly #input: Watch = new Watch();
  /** Output that waits. */
  readonly #output: Watch = new Watch();
  /** The last `takeOutput` gave something, and no other one has followed: the transport takes no more. */
  #unwritten = false;
  #started = false;

  /** @throws H2Error (scope `usage`) for an option out of its range. */
  constructor(options: ConnectionOptions, handler: ConnectionHandler) {
    const core = new Core(resolveOptions(options), handler);
    this.#core = core;
    this.#receiver = new FrameReceiver(core);
    if (core.options.role === "client") {
      core.output.writer.reserve(clientPreface.length);
      core.output.writer.writeBytes(clientPreface);
    }
    core.output.settings(core.settings.entries());
    core.windows.creditConnection();
  }

  get role(): "client" | "server" {
    return this.#core.options.role;
  }

  /** Over: nothing more comes in or can be sent; what `takeOutput` still holds should be written before the transport ends. */
  get closed(): boolean {
    return this.#core.closed;
  }

  /** GOAWAY was sent or, at a client, received: no new streams. */
  get draining(): boolean {
    return this.#core.draining;
  }

  /** Why the peer said goodbye, when its GOAWAY named an error; `onClose` is given the same. */
  get goAwayError(): H2Error | undefined {
    return this.#core.goAway.error;
  }

  /** Streams that are not closed or not released. */
  get activeStreams(): number {
    return this.#core.table.size;
  }

  /** Returns the handlers of all streams that were not released, in the order of their identifiers: for rare events that concern each. */
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

  /** The largest header section the peer says it takes, counted as RFC 9113 §6.5.2 does; infinite where it says nothing. */
  get peerMaxHeaderListSize(): number {
    return this.#core.settings.peerMaxHeaderListSize;
  }

  /** The server takes extended CONNECT (RFC 8441): known once its SETTINGS have come. */
  get peerEnableConnectProtocol(): boolean {
    return this.#core.settings.peerEnableConnectProtocol;
  }

  /** Tells the connection who moves its bytes and knows the time. */
  attach(driver: AttachedDriver): void {
    this.#core.driver = driver;
    this.#core.output.driver = driver;
  }

  /** Takes what the peer sent. Whatever it is, nothing is thrown: an error of the peer becomes GOAWAY and `onClose`. */
  receive(chunk: Uint8Array, now: number): void {
    const core = this.#core;
    if (core.closed) return;
    this.#tick(now);
    core.keepalive.received(now);
    try {
      this.#receiver.receive(chunk);
    } catch (thrown) {
      core.contain(thrown);
    }
    if (this.#handshakeSince !== undefined && core.settings.peerReceived) this.#handshakeSince = undefined;
    if (!this.wantsInput) this.#stalledSince ??= now;
    this.#watchInput(now);
    this.#watchOutput();
  }

  /**
   * Client: opens the next stream; send its headers before another one is opened. Returns undefined when the peer allows no more now
   * (`onStreamsAvailable` will tell), or ever (`draining`, `closed`). @throws H2Error (scope `usage`) at a server, which could only push
   */
  openStream(handler: StreamHandler): Http2Stream | undefined {
    const core = this.#core;
    if (core.options.role === "server") throw usage(0, "a server opens no streams");
    if (core.closed || core.draining) return undefined;
    const id = core.table.nextLocalId();
    // The output bound keeps streams that are opened and cancelled at once from piling up before a peer that does not read.
    if (id === undefined || core.freeStreams <= 0 || core.output.length >= core.options.limits.outputBatchBytes) {
      core.streamsAwaited = true;
      return undefined;
    }
    const { settings, table } = core;
    const stream = new Stream(id, core, handler, settings.peerInitialWindowSize, settings.localInitialWindow, core.now);
    table.addLocal(stream);
    return stream;
  }

  /** Asks the peer for a sign of life; `onPong` gets the number returned here. */
  ping(now: number): number {
    this.#tick(now);
    return this.#core.pings.send(now);
  }

  /**
   * Says goodbye. NO_ERROR: live streams go on and the connection closes with the last of them; a server does it in two
   * steps, so that no request on its way is lost. Any other code closes at once.
   */
  goAway(errorCode: ErrorCode, debug = ""): void {
    const core = this.#core;
    if (core.closed) return;
    if (errorCode !== ErrorCode.NO_ERROR) {
      core.fail(new H2Error(debug === "" ? "closed with an error" : debug, { errorCode, origin: "local" }));
      return;
    }
    core.sayGoodbye(debug);
  }

  /** What to write now, as few large chunks; empty when there is nothing. Call it again as long as it gives something and the transport takes more. */
  takeOutput(): Uint8Array[] {
    const core = this.#core;
    try {
      if (!core.closed) core.scheduler.pump(core.options.limits.outputBatchBytes);
    } catch (thrown) {
      core.contain(thrown);
    }
    const chunks = core.output.take();
    this.#stalledSince = undefined;
    this.#unwritten = chunks.length > 0;
    this.#watchOutput();
    if (core.streamsAwaited) core.tellStreamsAvailable();
    if (core.scheduler.hasReady && !core.closed) core.output.announce();
    return chunks;
  }

  /** What has been written so far, without writing more: may be taken at any time, also within callbacks. */
  takeWritten(): Uint8Array[] {
    this.#stalledSince = undefined;
    return this.#core.output.take();
  }

  /** False while the peer does not read what it makes us answer: stop reading from it. */
  get wantsInput(): boolean {
    const { output, options } = this.#core;
    return (
      output.controlBytes < options.limits.maxQueuedControlBytes &&
      output.pingAnswers < options.limits.guards.maxQueuedPingAnswers
    );
  }

  /** When `handleTimeout` must be called at the latest; undefined when time changes nothing. */
  nextDeadline(): number | undefined {
    const core = this.#core;
    if (core.closed) return undefined;
    const since = Math.min(
      this.#handshakeSince ?? never,
      this.#stalledSince ?? never,
      core.goAway.announcedAt ?? never,
    );
    const lookAt = Math.min(this.#input.lookAt ?? never, this.#output.lookAt ?? never);
    const deadline = Math.min(
      since + core.options.limits.handshakeTimeoutMs,
      lookAt,
      core.windows.assemblies.deadline,
      core.lifetimeDeadline(),
    );
    return deadline === never ? undefined : deadline;
  }

  /** Tells the time. The driver's first call begins the handshake. */
  handleTimeout(now: number): void {
    const core = this.#core;
    if (core.closed) return;
    this.#tick(now);
    const { handshakeTimeoutMs } = core.options.limits;
    const isOver = (since: number | undefined): boolean => since !== undefined && now >= since + handshakeTimeoutMs;
    if (isOver(this.#handshakeSince)) {
      core.fail(
        connectionError(
          ErrorCode.SETTINGS_TIMEOUT,
          `no SETTINGS from the peer within handshakeTimeoutMs (${handshakeTimeoutMs})`,
        ),
      );
    } else if (isOver(this.#stalledSince)) {
      core.fail(
        connectionError(ErrorCode.ENHANCE_YOUR_CALM, `the peer has not read our answers for ${handshakeTimeoutMs} ms`),
      );
    } else if (isOver(core.goAway.announcedAt)) core.finishGoAway();
    this.#look(now);
    if (core.closed) return;
    core.windows.assemblies.check(now);
    if (!this.wantsInput) core.keepalive.received(now); // It is not the peer that is silent: we do not read.
    core.checkLifetime();
  }

  /** The transport has ended or broken: every stream gets its `onReset`, then comes `onClose`. */
  transportClosed(cause?: unknown): void {
    this.#core.lost(cause);
  }

  /** Half a frame, and then nothing: before the first SETTINGS that is the handshake's matter. */
  #watchInput(now: number): void {
    const { unfinished, progress } = this.#receiver;
    // While we do not read, it is not the peer that is slow.
    const waits = unfinished !== undefined && this.wantsInput && this.#handshakeSince === undefined;
    this.#input.update(waits ? progress : undefined, this.#inputTimeoutMs, now);
  }

  /** What waits for the peer to read or to open its windows; whatever comes from it is a sign of life. */
  #watchOutput(): void {
    const { scheduler, options, now } = this.#core;
    const waits = options.role === "server" && (this.#unwritten || scheduler.queuedBytes > 0);
    const progress = waits ? scheduler.framesSent + this.#receiver.progress : undefined;
    this.#output.update(progress, options.limits.guards.stalledOutputTimeoutMs, now);
    this.#core.outputWatched = this.#output.lookAt !== undefined;
  }

  get #inputTimeoutMs(): number {
    const { frameTimeoutMs } = this.#core.options.limits.guards;
    return this.#receiver.unfinished === "data" ? frameTimeoutMs * dataFramePatience : frameTimeoutMs;
  }

  #look(now: number): void {
    const core = this.#core;
    const inputTimeoutMs = this.#inputTimeoutMs;
    if (this.#input.look(inputTimeoutMs, now) === "over") {
      core.fail(
        connectionError(
          ErrorCode.ENHANCE_YOUR_CALM,
          `a frame that has begun was not finished within ${inputTimeoutMs} ms`,
        ),
      );
      return;
    }
    const { stalledOutputTimeoutMs } = core.options.limits.guards;
    const output = this.#output.look(stalledOutputTimeoutMs, now);
    core.outputWatched = this.#output.lookAt !== undefined;
    if (output === "late") core.pings.send(now);
    else if (output === "over") {
      core.fail(
        connectionError(
          ErrorCode.ENHANCE_YOUR_CALM,
          `nothing was read and no PING answered for ${stalledOutputTimeoutMs} ms`,
        ),
      );
    }
  }

  #tick(now: number): void {
    this.#core.now = now;
    if (this.#started) return;
    this.#started = true;
    this.#core.age.begin(now);
    this.#core.keepalive.received(now);
    if (!this.#core.settings.peerReceived) this.#handshakeSince = now;
  }
}
