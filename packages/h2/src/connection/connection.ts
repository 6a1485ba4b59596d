/**
 * One end of an HTTP/2 connection (RFC 9113): bytes in, callbacks on one handler, bytes out; time is an argument.
 * A short façade: what came in is handled in `receive.ts`, and every state has its own file beside this one.
 */
import { ErrorCode } from "../error-code.js";
import { connectionError, H2Error } from "../errors.js";
import { clientPreface } from "../frame/preface.js";
import type { HeaderField } from "../header-field.js";
import { type ConnectionOptions, resolveOptions } from "../options.js";
import { Stream } from "../stream/stream.js";
import { Core } from "./core.js";
import type { ConnectionHandler } from "./handler.js";
import { FrameReceiver } from "./receive.js";
import { sendHeaders, usage } from "./send-headers.js";
import { Watch } from "./watch.js";

/** Options of `sendHeaders` and `sendData`. */
export interface SendEnd {
  /** Nothing more will be sent on the stream. */
  readonly endStream: boolean;
}

const never = Number.POSITIVE_INFINITY;
/** Half a DATA frame may be a network that fails for a while: see `frameTimeoutMs`. */
const dataFramePatience = 6;

export class Connection<Context> {
  readonly #core: Core<Context>;
  readonly #receiver: FrameReceiver<Context>;
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
  constructor(options: ConnectionOptions, handler: ConnectionHandler<Context>) {
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

  /** The contexts of all streams that were not released, in the order of their identifiers: for rare events that concern each. */
  contexts(): { readonly streamId: number; readonly context: Context }[] {
    const held = this.#core.table.all().filter(({ released }) => !released);
    return held.map(({ id, context }) => ({ streamId: id, context: context as Context }));
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

  /** Called once whenever output becomes available, and when the connection is over. The driver sets it. */
  set onOutput(listener: (() => void) | undefined) {
    this.#core.output.onReady = listener;
  }

  /**
   * Called, also within other calls and callbacks, whenever enough messages have ended that their bytes should not wait for the
   * turn's end: `takeWritten()` gives them. The driver sets it.
   */
  set onBatch(listener: (() => void) | undefined) {
    this.#core.output.onBatch = listener;
  }

  /**
   * What time it is for calls that are made between those that tell the time, such as `acknowledge`; without it they go by the last of those. The
   * driver sets it.
   */
  set clock(nowMs: (() => number) | undefined) {
    this.#core.clock = nowMs;
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
   * Client: the next stream's identifier; send its headers before another one is opened. Undefined when the peer
   * allows no more now (`onStreamsAvailable` will tell), or ever (`draining`, `closed`). @throws H2Error (scope `usage`) at a server, which
   * could only push
   */
  openStream(context: Context): number | undefined {
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
    table.addLocal(new Stream(id, context, settings.peerInitialWindowSize, settings.localInitialWindow, core.now));
    return id;
  }

  /** Server, inside `onHeaders`: what comes back with the stream's later events. */
  setContext(streamId: number, context: Context): void {
    const stream = this.#core.table.get(streamId);
    if (stream !== undefined) stream.context = context;
  }

  /**
   * Sends a header section: the first one, an informational (1xx) response, or trailers, which end the stream. Ignored
   * when the stream is gone. @throws H2Error (scope `usage`) after END_STREAM, for trailers that do not end the stream, for
   * an informational response that does, and for fields that the peer would have to refuse (RFC 9113 §8), named with the
   * reason; nothing is sent then.
   */
  sendHeaders(streamId: number, fields: readonly HeaderField[], { endStream }: SendEnd): void {
    const core = this.#core;
    const stream = core.table.get(streamId);
    if (stream === undefined || stream.state === "closed") return;
    sendHeaders(core, stream, fields, endStream);
  }

  /**
   * Sends payload: one logical write, cut into frames as needed. What the windows do not let through waits, and large chunks
   * are handed on as they are: they must not be changed any more. Ignored when the stream is gone. @throws H2Error (scope `usage`) before headers or after END_STREAM.
   */
  sendData(streamId: number, chunks: Uint8Array | readonly Uint8Array[], { endStream }: SendEnd): void {
    const core = this.#core;
    const stream = core.table.get(streamId);
    if (stream === undefined || stream.state === "closed") return;
    if (!stream.sentHeaders) throw usage(streamId, "data before headers");
    if (stream.endGiven) throw usage(streamId, "data after END_STREAM");
    stream.endGiven = endStream;
    core.scheduler.data(stream, chunks instanceof Uint8Array ? [chunks] : chunks, endStream);
    // What a shut window holds back is watched from the next `takeOutput` on.
    if (core.options.role === "server" && this.#output.lookAt === undefined && core.scheduler.queuedBytes > 0)
      core.output.announce();
  }

  /** Bytes given to `sendData` that are not yet on their way. */
  bufferedBytes(streamId: number): number {
    return this.#core.table.get(streamId)?.queue.length ?? 0;
  }

  /** False: wait for `onWritable` before sending more. */
  isWritable(streamId: number): boolean {
    const stream = this.#core.table.get(streamId);
    return stream === undefined || this.#core.scheduler.isWritable(stream);
  }

  /** The application has consumed `bytes` of what `onData` gave it: the peer may send as many more. */
  acknowledge(streamId: number, bytes: number): void {
    const stream = this.#core.table.get(streamId);
    if (stream !== undefined && bytes > 0) this.#core.windows.consumed(stream, bytes);
  }

  /** Ends the stream in both directions at once; what waits on it is dropped. Without effect when it is gone. */
  reset(streamId: number, errorCode: ErrorCode): void {
    const stream = this.#core.table.get(streamId);
    if (stream !== undefined) this.#core.resetByUs(stream, errorCode);
  }

  /**
   * The application is done with the stream: what it has not read is credited, and the slot is free once the stream is
   * closed. Queued data with its END_STREAM is still delivered; a stream that would stay open is reset (NO_ERROR
   * at a server that has answered, RFC 9113 §8.1; CANCEL otherwise).
   */
  release(streamId: number): void {
    const stream = this.#core.table.get(streamId);
    if (stream !== undefined && !stream.released) this.#core.release(stream);
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
    const deadline = Math.min(since + core.options.limits.handshakeTimeoutMs, lookAt, core.lifetimeDeadline());
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
