/** An end of a connection that keeps what came in on each stream, for tests that look at results rather than calls. */
import {
  Connection,
  type ConnectionHandler,
  type ConnectionOptions,
  type H2Error,
  type HeaderField,
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
export class Inbox {
  readonly id: number;
  headers: Record<string, string> | undefined;
  readonly informational: Record<string, string>[] = [];
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  trailers: Record<string, string> | undefined;
  ended = false;
  reset: StreamReset | undefined;
  writableCalls = 0;

  constructor(id: number) {
    this.id = id;
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

type Options = Omit<ConnectionOptions, "role">;

export class Endpoint implements ConnectionHandler<Inbox> {
  readonly connection: Connection<Inbox>;
  readonly streams: Map<number, Inbox> = new Map();
  /** Consume data as it comes. */
  reads = true;
  /** Release a stream as soon as it has ended in both directions or was reset. */
  releases = true;
  /** At a server: what to do with a request whose headers have come. */
  onRequest: ((inbox: Inbox) => void) | undefined;
  /** Called when the peer's side of a stream has ended. */
  onEnded: ((inbox: Inbox) => void) | undefined;
  onWritableAgain: ((inbox: Inbox) => void) | undefined;
  streamsAvailableCalls = 0;
  settingsCalls = 0;
  readonly pongs: { pingId: number; roundTripMs: number }[] = [];
  readonly goAways: { lastStreamId: number; errorCode: number; debug: string }[] = [];
  closes: (H2Error | undefined)[] = [];

  constructor(role: "client" | "server", options: Options = {}) {
    this.connection = new Connection<Inbox>({ ...options, role }, this);
  }

  inbox(streamId: number): Inbox {
    const inbox = this.streams.get(streamId);
    if (inbox === undefined) throw new Error(`nothing came in on stream ${streamId}`);
    return inbox;
  }

  /** Client: opens a stream, which must be possible, and sends its headers. */
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
    const draft = { inbox: undefined as Inbox | undefined };
    const id = this.connection.openStream(draft as unknown as Inbox);
    if (id === undefined) return undefined;
    const inbox = new Inbox(id);
    draft.inbox = inbox;
    this.streams.set(id, inbox);
    this.connection.sendHeaders(id, fields, { endStream });
    return inbox;
  }

  onHeaders(streamId: number, fields: readonly HeaderField[], endStream: boolean): void {
    let inbox = this.streams.get(streamId);
    const isRequest = inbox === undefined;
    if (inbox === undefined) {
      inbox = new Inbox(streamId);
      this.streams.set(streamId, inbox);
      this.connection.setContext(streamId, inbox);
    }
    inbox.headers = record(fields);
    if (isRequest) this.onRequest?.(inbox);
    if (endStream) this.#end(inbox);
  }

  onInformational(streamId: number, fields: readonly HeaderField[]): void {
    this.inbox(streamId).informational.push(record(fields));
  }

  onData(streamId: number, data: Uint8Array, endStream: boolean): void {
    const inbox = this.inbox(streamId);
    inbox.chunks.push(data.slice());
    inbox.bytes += data.length;
    if (this.reads) this.connection.acknowledge(streamId, data.length);
    if (endStream) this.#end(inbox);
  }

  onTrailers(streamId: number, fields: readonly HeaderField[]): void {
    const inbox = this.inbox(streamId);
    inbox.trailers = record(fields);
    this.#end(inbox);
  }

  onReset(streamId: number, reset: StreamReset): void {
    const inbox = this.inbox(streamId);
    if (inbox.reset !== undefined) throw new Error(`stream ${streamId} was reset twice`);
    inbox.reset = reset;
    if (this.releases) this.connection.release(streamId);
  }

  onWritable(streamId: number): void {
    const inbox = this.inbox(streamId);
    inbox.writableCalls += 1;
    this.onWritableAgain?.(inbox);
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

  #end(inbox: Inbox): void {
    if (inbox.ended) throw new Error(`stream ${inbox.id} ended twice`);
    inbox.ended = true;
    this.onEnded?.(inbox);
    if (this.releases && this.connection.role === "client") this.connection.release(inbox.id);
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
    const { connection } = server;
    connection.sendHeaders(inbox.id, response, { endStream: false });
    connection.sendData(inbox.id, inbox.body, { endStream: false });
    connection.sendHeaders(inbox.id, [{ name: "x-bytes", value: String(inbox.bytes) }], { endStream: true });
    connection.release(inbox.id);
  };
}

/** Bytes that tell where they come from: no two places within 64 KiB look alike for long. */
export function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >>> 8) * 7 + seed) & 0xff;
  return bytes;
}

export function record(fields: readonly HeaderField[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}
