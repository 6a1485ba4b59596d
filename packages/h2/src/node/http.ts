/**
 * Requests and responses over a connection, as little as judges and tests need: no routing, no header objects, no
 * pooling. A user who wants more builds on `Connection`.
 */
import type { Duplex } from "node:stream";
import { Connection } from "../connection/connection.js";
import type { ConnectionHandler } from "../connection/handler.js";
import { ErrorCode, errorCodeName } from "../error-code.js";
import { H2Error } from "../errors.js";
import type { HeaderField } from "../header-field.js";
import type { ConnectionOptions } from "../options/connection-options.js";
import type { Http2Stream, StreamHandler, StreamReset } from "../stream/handler.js";
import { nodeAscii } from "./ascii.js";
import { ConnectionDriver } from "./driver.js";
import { duplexTransport } from "./transport.js";

/**
 * A handler that answers one request. When it returns, or its promise settles, the stream is released; an error that it
 * throws resets the stream.
 */
export type HttpHandler = (stream: HttpStream) => void | Promise<void>;

export type HttpOptions = Omit<ConnectionOptions, "role" | "ascii">;

/** One exchange, at either end: headers, body and trailers in each direction. */
export class HttpStream implements StreamHandler {
  /** The peer's trailers; undefined before the end and where there were none. */
  trailers: readonly HeaderField[] | undefined;
  /** Informational (1xx) responses so far. */
  readonly informational: (readonly HeaderField[])[] = [];
  #stream: Http2Stream | undefined;
  #fields: readonly HeaderField[] | undefined;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #failure: H2Error | undefined;
  #waiting: (() => void)[] = [];

  /** The stream's identifier; 0 before it has one. */
  get id(): number {
    return this.#stream?.id ?? 0;
  }

  /** The number of bytes given to `send` that are not yet on their way. */
  get bufferedBytes(): number {
    return this.#stream?.bufferedBytes ?? 0;
  }

  /** Returns the headers of the peer. @throws H2Error when the stream is reset before they come */
  async headers(): Promise<readonly HeaderField[]> {
    await this.#until(() => this.#fields !== undefined);
    return this.#fields as readonly HeaderField[];
  }

  /**
   * Iterates over the body of the peer, chunk by chunk; a chunk counts as consumed when it is given out. @throws
   * H2Error when the stream is reset before its end
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      await this.#until(() => this.#chunks.length > 0 || this.#ended);
      const chunk = this.#chunks.shift();
      if (chunk === undefined) return;
      this.#stream?.acknowledge(chunk.length);
      yield chunk;
    }
  }

  /** Returns the whole body of the peer. */
  async body(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Sends headers, an informational response, or trailers, as `Http2Stream.sendHeaders`. */
  sendHeaders(fields: readonly HeaderField[], endStream = false): void {
    this.#stream?.sendHeaders(fields, { endStream });
  }

  /** Sends a part of the body and waits until there is room for more. @throws H2Error when the stream is reset. */
  async send(chunk: Uint8Array, endStream = false): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#stream?.sendData(chunk, { endStream });
    if (!endStream) await this.#until(() => this.#stream?.isWritable === true);
  }

  /** Ends the stream in both directions. */
  reset(errorCode: number): void {
    this.#stream?.reset(errorCode);
    this.onReset({ errorCode, message: "reset by this side", origin: "local", scope: "stream", unprocessed: false });
  }

  /** Releases the stream: one that is still open is cancelled. */
  release(): void {
    this.#stream?.release();
  }

  /** @internal */
  begin(stream: Http2Stream): void {
    this.#stream = stream;
  }

  /** Called by the engine, as `StreamHandler.onHeaders`. */
  onHeaders(fields: readonly HeaderField[], endStream: boolean): void {
    this.#fields = fields;
    this.#ended ||= endStream;
    this.#wake();
  }

  /** Called by the engine, as `StreamHandler.onInformational`. */
  onInformational(fields: readonly HeaderField[]): void {
    this.informational.push(fields);
  }

  /** Called by the engine, as `StreamHandler.onData`. */
  onData(data: Uint8Array, endStream: boolean): void {
    if (data.length > 0) this.#chunks.push(new Uint8Array(data));
    this.#ended ||= endStream;
    this.#wake();
  }

  /** Called by the engine, as `StreamHandler.onTrailers`. */
  onTrailers(fields: readonly HeaderField[]): void {
    this.trailers = fields;
    this.#ended = true;
    this.#wake();
  }

  /** Called by the engine, as `StreamHandler.onReset`. */
  onReset({ errorCode, message, scope, origin, cause }: StreamReset): void {
    // The whole message may have come before the reset (RFC 9113 §8.1): then the reset says only that no more need be
    // sent.
    this.#failure ??= new H2Error(`stream ${this.id}: ${errorCodeName(errorCode)}: ${message}`, {
      errorCode,
      streamId: this.id,
      scope,
      origin,
      cause,
    });
    this.#wake();
  }

  /** Called by the engine, as `StreamHandler.onWritable`. */
  onWritable(): void {
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** A connection and its driver. */
export class HttpConnection implements ConnectionHandler {
  readonly connection: Connection;
  readonly driver: ConnectionDriver;
  /** The error that the connection ended with; undefined before, and after an end without an error. */
  error: H2Error | undefined;
  readonly #answer: HttpHandler | undefined;
  #awaiting: (() => void)[] = [];
  #handshakeDone = false;

  private constructor(duplex: Duplex, options: ConnectionOptions, answer: HttpHandler | undefined) {
    this.#answer = answer;
    this.connection = new Connection(options, this);
    this.driver = new ConnectionDriver(this.connection, duplexTransport(duplex));
  }

  /** Returns a server connection that serves the requests which come in on `duplex`. */
  static accept(duplex: Duplex, answer: HttpHandler, options: HttpOptions = {}): HttpConnection {
    return new HttpConnection(duplex, { ...options, role: "server", ascii: nodeAscii }, answer);
  }

  /** Returns a client connection on `duplex`. */
  static connect(duplex: Duplex, options: HttpOptions = {}): HttpConnection {
    return new HttpConnection(duplex, { ...options, role: "client", ascii: nodeAscii }, undefined);
  }

  /**
   * Resolves when the peer's SETTINGS have come: only then is it known what it takes, such as extended CONNECT. @throws
   * H2Error when the connection ends before.
   */
  async handshake(): Promise<void> {
    while (!this.#handshakeDone) {
      if (this.connection.closed) throw this.error ?? ended();
      await new Promise<void>((resolve) => this.#awaiting.push(resolve));
    }
  }

  /**
   * Sends a request's headers, once the server allows another stream. @throws H2Error when the connection takes no
   * more.
   */
  async request(fields: readonly HeaderField[], endStream = false): Promise<HttpStream> {
    const stream = new HttpStream();
    for (;;) {
      const opened = this.connection.openStream(stream);
      if (opened !== undefined) {
        stream.begin(opened);
        stream.sendHeaders(fields, endStream);
        return stream;
      }
      if (this.connection.closed || this.connection.draining) {
        throw this.error ?? this.connection.goAwayError ?? ended();
      }
      await new Promise<void>((resolve) => this.#awaiting.push(resolve));
    }
  }

  /** Closes gracefully: what goes on is finished. Resolves when the transport is closed. */
  async close(): Promise<void> {
    this.driver.close();
    await this.driver.done;
  }

  onRequest(opened: Http2Stream, fields: readonly HeaderField[], endStream: boolean): HttpStream {
    const stream = new HttpStream();
    stream.begin(opened);
    stream.onHeaders(fields, endStream);
    void this.#serve(stream);
    return stream;
  }

  onStreamsAvailable(): void {
    const awaiting = this.#awaiting;
    this.#awaiting = [];
    for (const resume of awaiting) resume();
  }

  onSettings(): void {
    this.#handshakeDone = true;
    this.onStreamsAvailable();
  }

  onGoAway(): void {
    this.onStreamsAvailable();
  }

  onClose(error: H2Error | undefined): void {
    this.error = error;
    this.onStreamsAvailable();
  }

  async #serve(stream: HttpStream): Promise<void> {
    try {
      await this.#answer?.(stream);
    } catch {
      // The stream is gone already, or the handler has failed: either way its peer is told here.
      stream.reset(ErrorCode.INTERNAL_ERROR);
    }
    stream.release();
  }
}

function ended(): H2Error {
  return new H2Error("the connection takes no more requests", {
    errorCode: ErrorCode.NO_ERROR,
    scope: "usage",
    origin: "local",
  });
}
