/** A peer that knows the rules: it holds the engine's output to RFC 9113, frame by frame. */
import { portableAscii } from "@trunkline/h2";
import { clientPreface, Flag, FrameType, type ParsedFrame, parseFrames } from "@trunkline/h2/testing";
import { HpackDecoder } from "../../../packages/h2/src/hpack/decoder.js";
import { must } from "../target.js";

const initialWindow = 65_535;

interface StreamLedger {
  /** The bytes that WINDOW_UPDATE has added to the initial window. */
  granted: number;
  used: number;
  /** END_STREAM, or RST_STREAM, has gone out. */
  ended: boolean;
  reset: boolean;
}

export type StreamView = "idle" | "open" | "halfLocal" | "halfRemote" | "closed";

export class PeerLedger {
  readonly #role: "client" | "server";
  readonly #streams: Map<number, StreamLedger> = new Map();
  readonly #opened: Set<number> = new Set();
  readonly #endedByPeer: Set<number> = new Set();
  #granted = initialWindow;
  #used = 0;
  #initialWindow = initialWindow;
  #maxFrameSize = 16_384;
  /** Header table sizes that our SETTINGS acknowledgements put into force, one list a frame. */
  readonly #tableSizes: number[][] = [];
  readonly #decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
  #section: { streamId: number; endStream: boolean; fragments: Uint8Array[] } | undefined;
  #leftover = new Uint8Array(0);
  #beforeFirst = true;
  /** The bytes that the engine may be sent on the connection now. */
  connectionWindow = initialWindow;

  constructor(role: "client" | "server") {
    this.#role = role;
  }

  view(streamId: number): StreamView {
    if (!this.#opened.has(streamId)) return "idle";
    const { ended, reset } = this.#ledger(streamId);
    const endedByPeer = this.#endedByPeer.has(streamId);
    if (reset || (ended && endedByPeer)) return "closed";
    if (ended) return "halfLocal";
    return endedByPeer ? "halfRemote" : "open";
  }

  /** A frame that goes to the engine. */
  sends({ type, flags, streamId, payload }: ParsedFrame): void {
    const at = (index: number): number => payload[index] ?? 0;
    const uint32 = (index: number): number =>
      at(index) * 2 ** 24 + ((at(index + 1) << 16) | (at(index + 2) << 8) | at(index + 3));
    switch (type) {
      case FrameType.HEADERS:
        if (this.#role === "server") this.#opened.add(streamId);
        if ((flags & Flag.END_STREAM) !== 0) this.#endedByPeer.add(streamId);
        break;
      case FrameType.DATA:
        this.connectionWindow -= payload.length;
        if ((flags & Flag.END_STREAM) !== 0) this.#endedByPeer.add(streamId);
        break;
      case FrameType.RST_STREAM:
        if (this.#opened.has(streamId)) this.#endedByPeer.add(streamId);
        break;
      case FrameType.WINDOW_UPDATE:
        if (streamId === 0) this.#granted += uint32(0) & 0x7fffffff;
        else this.#ledger(streamId).granted += uint32(0) & 0x7fffffff;
        break;
      case FrameType.SETTINGS: {
        if ((flags & Flag.ACK) !== 0) break;
        const sizes: number[] = [];
        for (let index = 0; index + 6 <= payload.length; index += 6) {
          const [id, value] = [at(index) * 256 + at(index + 1), uint32(index + 2)];
          if (id === 1) sizes.push(value);
          else if (id === 4) this.#initialWindow = value;
          else if (id === 5) this.#maxFrameSize = Math.max(value, 16_384); // Less is an error, which GOAWAY says.
        }
        this.#tableSizes.push(sizes);
        break;
      }
      default:
    }
  }

  /** Bytes that came out of the engine; gives the frames in them. */
  receives(bytes: Uint8Array): ParsedFrame[] {
    const joined = new Uint8Array(this.#leftover.length + bytes.length);
    joined.set(this.#leftover);
    joined.set(bytes, this.#leftover.length);
    const frames = parseFrames(joined);
    let taken = this.#beforeFirst && this.#role === "client" && frames.length > 0 ? clientPreface.length : 0;
    for (const frame of frames) taken += 9 + frame.payload.length;
    if (frames.length > 0) this.#beforeFirst = false;
    this.#leftover = joined.slice(taken);
    must(this.#leftover.length === 0, `the output ends in ${this.#leftover.length} bytes that are no frame`);
    for (const frame of frames) this.#check(frame);
    return frames;
  }

  #check({ type, flags, streamId, payload }: ParsedFrame): void {
    must(
      payload.length <= this.#maxFrameSize,
      `a frame of ${payload.length} bytes for a peer that takes ${this.#maxFrameSize}`,
    );
    if (this.#section !== undefined) {
      must(
        type === FrameType.CONTINUATION && streamId === this.#section.streamId,
        `frame of type ${type} inside of a header section`,
      );
      this.#fragment(flags, payload);
      return;
    }
    const stream = streamId === 0 ? undefined : this.#ledger(streamId);
    switch (type) {
      case FrameType.HEADERS:
        if (this.#role === "client") this.#opened.add(streamId);
        must(this.#opened.has(streamId), `HEADERS on stream ${streamId}, which nobody opened`);
        must(stream !== undefined && !stream.ended && !stream.reset, `HEADERS on stream ${streamId} after its end`);
        this.#section = { streamId, endStream: (flags & Flag.END_STREAM) !== 0, fragments: [] };
        this.#fragment(flags, payload);
        return;
      case FrameType.DATA:
        must(stream !== undefined && !stream.ended && !stream.reset, `DATA on stream ${streamId} after its end`);
        if (stream === undefined) return;
        stream.used += payload.length;
        this.#used += payload.length;
        if (payload.length > 0) {
          must(stream.used <= this.#initialWindow + stream.granted, `DATA past the window of stream ${streamId}`);
          must(this.#used <= this.#granted, "DATA past the connection's window");
        }
        if ((flags & Flag.END_STREAM) !== 0) stream.ended = true;
        return;
      case FrameType.RST_STREAM:
        must(
          stream !== undefined && streamId <= Math.max(...this.#opened),
          `RST_STREAM on stream ${streamId}, which is idle`,
        );
        if (stream !== undefined) stream.reset = true;
        return;
      case FrameType.WINDOW_UPDATE: {
        const increment = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
        must(increment > 0 && increment < 2 ** 31, `WINDOW_UPDATE of ${increment}`);
        must(stream === undefined || !stream.reset, `WINDOW_UPDATE on stream ${streamId} after RST_STREAM`);
        if (streamId === 0) this.connectionWindow += increment;
        return;
      }
      case FrameType.SETTINGS:
        if ((flags & Flag.ACK) === 0) return;
        must(this.#tableSizes.length > 0, "SETTINGS acknowledged that were not sent");
        for (const size of this.#tableSizes.shift() ?? []) this.#decoder.setMaxTableSize(size);
        return;
      case FrameType.PING:
      case FrameType.GOAWAY:
        must(streamId === 0, `frame of type ${type} on stream ${streamId}`);
        return;
      default:
        must(false, `frame of type ${type}`);
    }
  }

  #fragment(flags: number, payload: Uint8Array): void {
    const section = this.#section;
    if (section === undefined) return;
    section.fragments.push(payload);
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#section = undefined;
    const block = Uint8Array.from(section.fragments.flatMap((fragment) => [...fragment]));
    must(this.#decoder.decode(block, 0, block.length, 65_536).length > 0, "an empty header section");
    if (section.endStream) this.#ledger(section.streamId).ended = true;
  }

  #ledger(streamId: number): StreamLedger {
    let ledger = this.#streams.get(streamId);
    if (ledger === undefined) {
      ledger = { granted: 0, used: 0, ended: false, reset: false };
      this.#streams.set(streamId, ledger);
    }
    return ledger;
  }
}
