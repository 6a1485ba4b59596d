/**
 * Calls that were recorded from our own two ends, to be played to one of them again: whole, cut anywhere, with
 * something put in between.
 */
import type { Duplex } from "node:stream";
import { clientPreface, FrameType } from "@trunkline/h2/testing";
import { isLarge } from "../../../base/test/support/sizes.js";
import { Channel, type ChannelOptions, type Client, createClient, Server } from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, settle } from "../support.js";

export type Call = (client: Client<typeof Echo>) => Promise<unknown>;

/** One of each kind and of each way to be answered. */
export const calls: Readonly<Record<string, Call>> = {
  "a unary call": (client) => client.say({ text: "x" }, { metadata: { a: "b" } }),
  "a server stream": (client) => collect(client.expand({ text: "y", count: 3 })),
  "a client stream": (client) => client.collect([{ text: "a" }, { text: "b" }]),
  "both streams": (client) => collect(client.chat([{ text: "c" }, { text: "d" }])),
};

export interface Frame {
  readonly start: number;
  readonly end: number;
  readonly type: number;
  readonly streamId: number;
}

/** The frames that begin at `from`. */
export function framesOf(bytes: Uint8Array, from = 0): Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: Frame[] = [];
  for (let start = from; start + 9 <= bytes.length; ) {
    const end = start + 9 + (view.getUint32(start) >>> 8);
    frames.push({ start, end, type: view.getUint8(start + 3), streamId: view.getUint32(start + 5) & 0x7fff_ffff });
    start = end;
  }
  return frames;
}

export interface Recording {
  readonly fromClient: Buffer;
  readonly fromServer: Buffer;
}

/** All bytes of a connection with one call. */
export async function record(call: Call): Promise<Recording> {
  const fromClient: Buffer[] = [];
  const fromServer: Buffer[] = [];
  const server = new Server().add(Echo, echo);
  const [clientSide, serverSide] = duplexPair();
  clientSide.on("data", (chunk: Buffer) => fromServer.push(Buffer.from(chunk)));
  serverSide.on("data", (chunk: Buffer) => fromClient.push(Buffer.from(chunk)));
  void server.serve(serverSide);
  const channel = new Channel({ transport: clientSide });
  await call(createClient(Echo, channel));
  await settle(5);
  const recording = { fromClient: Buffer.concat(fromClient), fromServer: Buffer.concat(fromServer) };
  await channel.close();
  await server.close();
  return recording;
}

/**
 * Returns the numbers of bytes after which a recording is cut: in a large run every one, in the quick suite those at
 * the edges of frames and of their headers, and some of the others.
 */
export function cutsOf(bytes: Uint8Array, firstFrame = 0): number[] {
  const edges = framesOf(bytes, firstFrame).flatMap(({ start }) =>
    [start, start + 9].flatMap((edge) => [edge - 1, edge, edge + 1]),
  );
  const chosen = new Set([...edges, bytes.length]);
  const lengths = Array.from({ length: bytes.length + 1 }, (_, length) => length);
  return lengths.filter((length) => isLarge || length % 11 === 0 || chosen.has(length));
}

/** The ways in which a connection ends after the recording. */
export const endings = {
  "is destroyed": (duplex: Duplex) => duplex.destroy(),
  "is half-closed": (duplex: Duplex) => duplex.end(),
  "breaks with an error": (duplex: Duplex) => duplex.destroy(new Error("read ECONNRESET")),
} satisfies Record<string, (duplex: Duplex) => unknown>;

export interface Played {
  readonly channel: Channel;
  readonly client: Client<typeof Echo>;
  /** Resolves when no more bytes come. */
  readonly silence: Promise<void>;
  finish(): Promise<void>;
}

/**
 * A channel to a server that says `bytes`: what belongs to the connection at once, the rest when the request has begun.
 * There is no second connection.
 */
export function playServer(
  bytes: Uint8Array,
  end: ((duplex: Duplex) => unknown) | undefined,
  options: ChannelOptions = {},
): Played {
  let connections = 0;
  let serverSide: Duplex | undefined;
  let silent: () => void = () => {};
  const silence = new Promise<void>((resolve) => {
    silent = resolve;
  });
  const connect = (): Duplex => {
    connections += 1;
    if (connections > 1) throw new Error("there is no second connection");
    const [clientSide, far] = duplexPair();
    serverSide = far;
    const first = framesOf(bytes).find(({ streamId }) => streamId !== 0)?.start ?? bytes.length;
    const rest = (): void => {
      if (first < bytes.length) far.write(bytes.subarray(first));
      if (end !== undefined) end(far);
      void settle(8).then(silent);
    };
    let heard = Buffer.alloc(0);
    const isRequest = ({ type }: Frame): boolean => type === FrameType.HEADERS;
    const listen = (chunk: Buffer): void => {
      heard = Buffer.concat([heard, chunk]);
      if (!framesOf(heard, clientPreface.length).some(isRequest)) return;
      far.off("data", listen);
      far.resume();
      rest();
    };
    far.on("data", listen);
    if (first > 0) far.write(bytes.subarray(0, first));
    // Too little for the client to begin a call.
    if (bytes.length < (framesOf(bytes)[0]?.end ?? Number.POSITIVE_INFINITY)) rest();
    return clientSide;
  };
  const channel = new Channel({ connect }, options);
  const finish = async (): Promise<void> => {
    const closing = channel.close({ closeTimeoutMs: 0 });
    serverSide?.destroy();
    await closing;
  };
  return { channel, client: createClient(Echo, channel), silence, finish };
}
