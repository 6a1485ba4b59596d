/** An end of a connection that keeps what came in on each stream, for tests that look at results rather than calls. */
import {
  Connection,
  type ConnectionHandler,
  type ConnectionOptions,
  type H2Error,
  type HeaderField,
  type Http2Stream,
  type StreamHandler,
  type StreamReset,
} from "../../src/index.js";
import { Link, type LinkOptions } from "../../src/testing/index.js";

export const request: readonly HeaderField[] = [
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "http" },
  { name: ":path", value: "/echo" },
  { name: ":authority", value: "test" },
];

export const response: readonly HeaderField[] = [{ name: ":status", value: "200" }];

/** All that came in on one stream. */
export class Inbox implements StreamHandler {
  readonly #endpoint: Endpoint;
  #stream: Http2Stream | undefined;
  headers: Record<string, string> | undefined;
  readonly informational: Record<string, string>[] = [];
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  trailers: Record<string, string> | undefined;
  ended = false;
  reset: StreamReset | undefined;
  writableCalls = 0;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  get stream(): Http2Stream {
    if (this.#stream === undefined) throw new Error("the stream is not open yet");
    return this.#stream;
  }

  set stream(stream: Http2Stream) {
    this.#stream = stream;
  }

  get id(): number {
    return this.stream.id;
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  onHeaders(fields: readonly HeaderField[], endStream: boolean): void {
    this.headers = record(fields);
    if (endStream) this.end();
  }

  onInformational(fields: readonly HeaderField[]): void {
    this.informational.push(record(fields));
  }

  onData(data: Uint8Array, endStream: boolean): void {
    this.chunks.push(data.slice());
    this.bytes += data.length;
    if (this.#endpoint.reads) this.stream.acknowledge(data.length);
    if (endStream) this.end();
  }

  onTrailers(fields: readonly HeaderField[]): void {
    this.trailers = record(fields);
    this.end();
  }

  onReset(reset: StreamReset): void {
    if (this.reset !== undefined) throw new Error(`stream ${this.id} was reset twice`);
    this.reset = reset;
    if (this.#endpoint.releases) this.stream.release();
  }

  onWritable(): void {
    this.writableCalls += 1;
    this.#endpoint.onWritableAgain?.(this);
  }

  end(): void {
    if (this.ended) throw new Error(`stream ${this.id} ended twice`);
    this.ended = true;
    this.#endpoint.onEnded?.(this);
    if (this.#endpoint.releases && this.#endpoint.connection.role === "client") this.stream.release();
  }
}

type Options = Omit<ConnectionOptions, "role">;

export class Endpoint implements ConnectionHandler {
  readonly connection: Connection;
  readonly streams: Map<number, Inbox> = new Map();
  /** Consume data as it comes. */
  reads = true;
  /** Release a stream as soon as it has ended in both directions or was reset. */
  releases = true;
  /** Handles a request whose headers have come, at a server. */
  onRequestHeaders: ((inbox: Inbox) => void) | undefined;
  /** Called when the peer's side of a stream has ended. */
  onEnded: ((inbox: Inbox) => void) | undefined;
  onWritableAgain: ((inbox: Inbox) => void) | undefined;
  streamsAvailableCalls = 0;
  settingsCalls = 0;
  readonly pongs: { pingId: number; roundTripMs: number }[] = [];
  readonly goAways: { lastStreamId: number; errorCode: number; debug: string }[] = [];
  closes: (H2Error | undefined)[] = [];

  constructor(role: "client" | "server", options: Options = {}) {
    this.connection = new Connection({ ...options, role }, this);
  }

  inbox(streamId: number): Inbox {
    const inbox = this.streams.get(streamId);
    if (inbox === undefined) throw new Error(`nothing came in on stream ${streamId}`);
    return inbox;
  }

  /** Opens a stream of a client, which must be possible, and sends its headers. */
  open(options: { fields?: readonly HeaderField[]; endStream?: boolean } = {}): Inbox {
    const inbox = this.tryOpen(options);
    if (inbox === undefined) throw new Error("no stream is free");
    return inbox;
  }

  tryOpen({
    fields = request,
    endStream = false,
  }: {
    fields?: readonly HeaderField[];
    endStream?: boolean;
  } = {}): Inbox | undefined {
    const inbox = this.tryOpenBare();
    inbox?.stream.sendHeaders(fields, { endStream });
    return inbox;
  }

  /** Opens a stream of a client, which must be possible, and sends nothing on it. */
  openBare(): number {
    const inbox = this.tryOpenBare();
    if (inbox === undefined) throw new Error("no stream is free");
    return inbox.id;
  }

  tryOpenBare(): Inbox | undefined {
    const inbox = new Inbox(this);
    const stream = this.connection.openStream(inbox);
    if (stream === undefined) return undefined;
    this.#add(inbox, stream);
    return inbox;
  }

  /** The handle of a stream that was opened. */
  stream(streamId: number): Http2Stream {
    return this.inbox(streamId).stream;
  }

  #add(inbox: Inbox, stream: Http2Stream): void {
    inbox.stream = stream;
    this.streams.set(stream.id, inbox);
  }

  onRequest(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): Inbox {
    const inbox = new Inbox(this);
    this.#add(inbox, stream);
    inbox.headers = record(fields);
    this.onRequestHeaders?.(inbox);
    if (endStream) inbox.end();
    return inbox;
  }

  onStreamsAvailable(): void {
    this.streamsAvailableCalls += 1;
  }

  onSettings(): void {
    this.settingsCalls += 1;
  }

  onPong(pingId: number, roundTripMs: number): void {
    this.pongs.push({ pingId, roundTripMs });
  }

  onGoAway(lastStreamId: number, errorCode: number, debugData: Uint8Array): void {
    this.goAways.push({ lastStreamId, errorCode, debug: Buffer.from(debugData).toString("latin1") });
  }

  onClose(error: H2Error | undefined): void {
    this.closes.push(error);
  }
}

export interface Pair {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly link: Link;
}

/** A client and a server, shaken hands. */
export function connectedPair(
  options: { client?: Options; server?: Options; link?: LinkOptions; handshake?: boolean } = {},
): Pair {
  const client = new Endpoint("client", options.client);
  const server = new Endpoint("server", options.server);
  const link = new Link(client.connection, server.connection, options.link);
  if (options.handshake !== false) link.run();
  return { client, server, link };
}

/** The server answers each request, once it has ended, with its body. */
export function echoes(server: Endpoint): void {
  server.onEnded = (inbox) => {
    const { stream } = inbox;
    stream.sendHeaders(response, { endStream: false });
    stream.sendData(inbox.body, { endStream: false });
    stream.sendHeaders([{ name: "x-bytes", value: String(inbox.bytes) }], { endStream: true });
    stream.release();
  };
}

/** Bytes that tell where they come from: no two places within 64 KiB look alike for long. */
export function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  const period = Math.min(length, 65_536);
  for (let index = 0; index < period; index++) bytes[index] = (index * 31 + (index >>> 8) * 7 + seed) & 0xff;
  for (let done = period; done < length; done *= 2) bytes.copyWithin(done, 0, Math.min(done, length - done));
  return bytes;
}

export function record(fields: readonly HeaderField[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}
