/**
 * Shared parts of the tests: an implementation of every kind of call, raw HTTP/2 peers, and waiting without sleeping.
 */
import type { Duplex } from "node:stream";
import {
  Connection,
  type ConnectionHandler,
  type HeaderField,
  type Http2Stream,
  type LocalSettings,
  type StreamHandler,
  type StreamReset,
} from "@trunkline/h2";
import { ConnectionDriver, duplexTransport } from "@trunkline/h2/node";
import { Channel, type ChannelOptions, type GrpcError, type Implementation } from "../src/index.js";
import { duplexPair } from "../src/testing/duplex-pair.js";
import type { Echo } from "./gen/echo_pb.js";

export { turns as settle, until } from "../../base/test/support/waiting.js";

/** Returns the reason with which a promise rejects. */
export async function rejection(promise: Promise<unknown>): Promise<GrpcError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in outcome) return outcome.error as GrpcError;
  throw new Error(`expected a rejection, but got ${JSON.stringify(outcome.value)}`);
}

/** All that an iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Answers as the method names say. */
export const echo: Implementation<typeof Echo> = {
  say: (request) => ({ text: request.text, payload: request.payload, count: request.count }),
  async *expand(request) {
    for (let count = 0; count < request.count; count++) yield { text: request.text, count };
  },
  async collect(requests) {
    const texts: string[] = [];
    let count = 0;
    for await (const request of requests) {
      texts.push(request.text);
      count += request.count;
    }
    return { text: texts.join(","), count };
  },
  async *chat(requests) {
    for await (const request of requests) yield { text: request.text, payload: request.payload, count: request.count };
  },
};

/** One request as a raw server sees it. */
export interface RawRequest {
  readonly stream: Http2Stream;
  readonly fields: readonly HeaderField[];
  data: Uint8Array[];
  ended: boolean;
  reset: StreamReset | undefined;
}

/** An HTTP/2 server that answers what a test tells it to. */
export class RawServer {
  readonly requests: RawRequest[] = [];
  readonly connections: RawConnection[] = [];
  /** Called when a request's headers have come. */
  onRequest: (request: RawRequest) => void = () => {};
  /** Called when a request is whole. */
  onWhole: (request: RawRequest) => void = () => {};
  readonly channel: Channel;
  /** Throws where a test wants no connection. */
  beforeConnect: () => void = () => {};
  attempts = 0;

  constructor(options: ChannelOptions = {}, settings: { maxConcurrentStreams?: number } = {}) {
    const connect = (): Duplex => {
      this.attempts += 1;
      this.beforeConnect();
      const [clientSide, serverSide] = duplexPair();
      this.connections.push(new RawConnection(this, serverSide, settings));
      return clientSide;
    };
    this.channel = new Channel({ connect, authority: "raw" }, options);
  }

  /** The last connection. */
  get last(): RawConnection {
    const last = this.connections.at(-1);
    if (last === undefined) throw new Error("nobody has connected");
    return last;
  }

  get http2(): Connection {
    return this.last.http2;
  }

  get driver(): ConnectionDriver {
    return this.last.driver;
  }

  async close(): Promise<void> {
    await this.channel.close({ closeTimeoutMs: 0 });
    for (const { driver } of this.connections) driver.destroy();
  }
}

class RawConnection implements ConnectionHandler {
  readonly http2: Connection;
  readonly driver: ConnectionDriver;
  readonly duplex: Duplex;
  readonly #server: RawServer;

  constructor(server: RawServer, duplex: Duplex, settings: { maxConcurrentStreams?: number }) {
    this.#server = server;
    this.duplex = duplex;
    this.http2 = new Connection({ role: "server", settings }, this);
    this.driver = new ConnectionDriver(this.http2, duplexTransport(duplex));
  }

  onRequest(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): StreamHandler {
    const request: RawRequest = { stream, fields, data: [], ended: endStream, reset: undefined };
    this.#server.requests.push(request);
    this.#server.onRequest(request);
    if (endStream) this.#server.onWhole(request);
    return {
      onData: (data, ended) => {
        request.data.push(data.slice());
        stream.acknowledge(data.length);
        if (!ended) return;
        request.ended = true;
        this.#server.onWhole(request);
      },
      onTrailers() {},
      onReset(reset) {
        request.reset = reset;
        stream.release();
      },
      onWritable() {},
    };
  }

  onClose(): void {}
}

export const responseHeaders: readonly HeaderField[] = [
  { name: ":status", value: "200" },
  { name: "content-type", value: "application/grpc" },
];

export const okTrailers: readonly HeaderField[] = [{ name: "grpc-status", value: "0" }];

/** A message with its prefix. */
export function framed(body: Uint8Array, flags = 0, length: number = body.length): Uint8Array {
  const bytes = new Uint8Array(5 + body.length);
  bytes[0] = flags;
  new DataView(bytes.buffer).setUint32(1, length);
  bytes.set(body, 5);
  return bytes;
}

/** A client's side of a raw HTTP/2 connection to a server of ours. */
export class RawClient implements ConnectionHandler {
  readonly http2: Connection;
  readonly driver: ConnectionDriver;
  readonly serverSide: Duplex;
  /** Acknowledges received data to flow control. False leaves the windows as they are. */
  acknowledges = true;

  constructor(settings: LocalSettings = {}) {
    const [clientSide, serverSide] = duplexPair();
    this.serverSide = serverSide;
    this.http2 = new Connection({ role: "client", settings }, this);
    this.driver = new ConnectionDriver(this.http2, duplexTransport(clientSide));
  }

  /**
   * Opens a stream with the usual request headers, but for what `fields` replaces, adds, or (with an empty value)
   * leaves out. An array gives several fields of one name.
   */
  request(
    path: string,
    fields: Readonly<Record<string, string | readonly string[]>> = {},
    endStream = false,
  ): RawAnswer {
    const all = {
      ":method": "POST",
      ":scheme": "http",
      ":path": path,
      ":authority": "raw",
      te: "trailers",
      "content-type": "application/grpc",
      ...fields,
    };
    const answer = new RawAnswer(this);
    const stream = this.http2.openStream(answer);
    if (stream === undefined) throw new Error("no stream");
    answer.stream = stream;
    const list = Object.entries(all).flatMap(([name, given]) =>
      [given].flat().flatMap((value) => (value === "" ? [] : [{ name, value }])),
    );
    stream.sendHeaders(list, { endStream });
    return answer;
  }

  onClose(): void {}
}

/** The answer to one request of a raw client. */
export class RawAnswer implements StreamHandler {
  readonly #client: RawClient;
  #stream: Http2Stream | undefined;
  headers: Record<string, string> = {};
  trailers: Record<string, string> = {};
  readonly data: Uint8Array[] = [];
  ended = false;
  reset: StreamReset | undefined;

  constructor(client: RawClient) {
    this.#client = client;
  }

  get stream(): Http2Stream {
    if (this.#stream === undefined) throw new Error("the stream is not open yet");
    return this.#stream;
  }

  set stream(stream: Http2Stream) {
    this.#stream = stream;
  }

  onHeaders(fields: readonly HeaderField[], endStream: boolean): void {
    this.headers = Object.fromEntries(fields.map(({ name, value }) => [name, value]));
    this.ended = endStream;
  }

  onData(data: Uint8Array, endStream: boolean): void {
    this.data.push(data.slice());
    this.ended = endStream;
    if (this.#client.acknowledges) this.stream.acknowledge(data.length);
  }

  onTrailers(fields: readonly HeaderField[]): void {
    this.trailers = Object.fromEntries(fields.map(({ name, value }) => [name, value]));
    this.ended = true;
  }

  onReset(reset: StreamReset): void {
    this.reset = reset;
  }

  onWritable(): void {}
}
