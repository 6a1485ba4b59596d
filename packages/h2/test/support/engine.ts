/** One engine whose peer is the test: frames go in as the test makes them, and come out parsed. */
import { Connection, type ConnectionOptions, ErrorCode, type HeaderField, type Http2Stream } from "../../src/index.js";
import {
  clientPreface,
  concatenated,
  Flag,
  FrameFactory,
  FrameType,
  type ParsedFrame,
  parseFrames,
  RecordingHandler,
} from "../../src/testing/index.js";

export const requestFields: readonly HeaderField[] = [
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "http" },
  { name: ":path", value: "/" },
];

export const responseFields: readonly HeaderField[] = [{ name: ":status", value: "200" }];

export const EndBoth: number = Flag.END_STREAM | Flag.END_HEADERS;

export class Engine {
  readonly role: "client" | "server";
  readonly handler: RecordingHandler = new RecordingHandler();
  readonly connection: Connection;
  readonly peer: FrameFactory = new FrameFactory();
  now = 0;

  constructor(role: "client" | "server", options: Omit<ConnectionOptions, "role"> = {}) {
    this.role = role;
    this.connection = new Connection({ ...options, role }, this.handler);
    this.connection.handleTimeout(0);
  }

  /** An engine whose handshake is done. */
  static ready(role: "client" | "server", options: Omit<ConnectionOptions, "role"> = {}): Engine {
    const engine = new Engine(role, options);
    engine.send(...engine.prefaceOfPeer());
    engine.output();
    engine.handler.events.length = 0;
    return engine;
  }

  /** Returns what the peer sends first, and its acknowledgement of our SETTINGS. */
  prefaceOfPeer(): Uint8Array[] {
    const settings = [this.peer.settings(), this.peer.settingsAck()];
    return this.role === "server" ? [clientPreface, ...settings] : settings;
  }

  send(...frames: Uint8Array[]): this {
    for (let frame of frames) while (frame.length > 0) frame = frame.subarray(this.connection.receive(frame, this.now));
    return this;
  }

  /** Returns what the engine has written since the last call. */
  output(): ParsedFrame[] {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const more = this.connection.takeOutput();
      if (more.length === 0) return parseFrames(concatenated(chunks));
      chunks.push(...more);
    }
  }

  /** A client's stream with its request sent; at a server, one that the peer has opened. */
  openStream(options: { endStream?: boolean } = {}): number {
    const endStream = options.endStream ?? false;
    if (this.role === "server") {
      const streamId = this.#nextPeerStream;
      this.#nextPeerStream += 2;
      this.send(this.peer.headers(streamId, requestFields, Flag.END_HEADERS | (endStream ? Flag.END_STREAM : 0)));
      return streamId;
    }
    const streamId = this.openBare();
    this.stream(streamId).sendHeaders(requestFields, { endStream });
    return streamId;
  }

  /** A client's stream on which nothing was sent yet. */
  openBare(): number {
    const streamId = this.tryOpenBare();
    if (streamId === undefined) throw new Error("no stream is free");
    return streamId;
  }

  tryOpenBare(): number | undefined {
    return this.handler.open(this.connection)?.id;
  }

  /** The handle of a stream that was opened. */
  stream(streamId: number): Http2Stream {
    return this.handler.stream(streamId);
  }
  #nextPeerStream = 1;

  /** Receives a request, at a server: what the peer sends on stream 1 begins with these fields. */
  receiveRequest(fields: readonly HeaderField[], flags: number = Flag.END_HEADERS): this {
    return this.send(this.peer.headers(1, fields, flags));
  }

  /** Returns how the engine took what was sent: the GOAWAY or RST_STREAM it answered with, or nothing of the kind. */
  verdict(): Verdict {
    const frames = this.output();
    const goAway = frames.find(({ type }) => type === FrameType.GOAWAY);
    if (goAway !== undefined) return { connectionError: codeName(goAway.payload, 4) };
    const reset = frames.find(({ type }) => type === FrameType.RST_STREAM);
    if (reset !== undefined) return { streamError: codeName(reset.payload, 0), streamId: reset.streamId };
    return "taken";
  }
}

export type Verdict =
  | "taken"
  | { readonly connectionError: string }
  | { readonly streamError: string; readonly streamId: number };

/** The name of the error code at `offset`. */
export function codeName(payload: Uint8Array, offset: number): string {
  const code = Buffer.from(payload).readUInt32BE(offset);
  return Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? String(code);
}
