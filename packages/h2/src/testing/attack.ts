/**
 * Describes attacks, and holds what those on servers and on clients have in common. The catalogue knows the protocol
 * and the default limits, not how bytes travel or which process is attacked: the tests send each attack to ours over a
 * socket, the judge `attacks` to real processes.
 */
import type { HeaderField } from "../header-field.js";
import { Flag, type FrameFactory, FrameType, rawFrame, uint32 } from "./frames.js";

/** The means of an attacker. */
export interface AttackSetting {
  /**
   * The frames of a connection whose handshake is done. At a client, stream 1 is open: its request is complete, its
   * response to come.
   */
  readonly peer: FrameFactory;
  /** Header fields of a new request, which the server neither reads nor answers for a long time. */
  readonly request: () => readonly HeaderField[];
}

/** An attack: what a hostile peer sends once its handshake is done, and what must come of it with default limits. */
export interface Attack {
  readonly title: string;
  /** Returns what to send, piece by piece; made as it is sent. */
  readonly send: (setting: AttackSetting) => Iterable<Uint8Array>;
  /** The name of the code in the GOAWAY that ends the connection, or undefined where it must live on. */
  readonly goAway: string | undefined;
  /** The debug text of the GOAWAY. */
  readonly why?: RegExp;
  /** The name of the code that streams are reset with, and how many of them at least. */
  readonly resets?: Readonly<Record<string, number>>;
  /** The bytes that a victim may rightly hold afterwards: what the windows of its streams let in and was not read. */
  readonly mayHoldBytes?: number;
}

export const endHeaders: number = Flag.END_HEADERS;
export const endBoth: number = Flag.END_HEADERS | Flag.END_STREAM;
export const response: readonly HeaderField[] = [{ name: ":status", value: "200" }];

export function* times(count: number, frame: (index: number) => Uint8Array): Generator<Uint8Array> {
  for (let index = 0; index < count; index++) yield frame(index);
}

/**
 * Returns a header block that puts one large field into the table and refers to it by one octet each time
 * (CVE-2016-6581).
 */
export function bomb(peer: FrameFactory, fields: readonly HeaderField[], references: number): Uint8Array {
  const valueBytes = 3_900;
  // Literal with incremental indexing, name "x", the value's length in three octets.
  const entry = [0x40, 1, 0x78, 0x7f, ((valueBytes - 127) & 0x7f) | 0x80, (valueBytes - 127) >>> 7];
  // The encoder does not know of the entry: nothing of its own may be in the table.
  const head = [...peer.block(fields.map((field) => ({ ...field, neverIndexed: true }))), ...entry];
  const bytes = new Uint8Array(head.length + valueBytes + references).fill(0x80 | 62);
  bytes.set(head);
  bytes.fill(0x62, head.length, head.length + valueBytes);
  return bytes;
}

type Flood = readonly [what: string, why: RegExp, frame: (setting: AttackSetting, index: number) => Uint8Array];

export const carryNothing: RegExp = /frames that carry nothing: more than 1000/;

/** Each frame, sent again and again on stream 1, which is open. */
const floods: readonly Flood[] = [
  ["PINGs (CVE-2019-9512)", /^too_many_pings$/, ({ peer }) => peer.ping()],
  [
    "SETTINGS (CVE-2019-9515)",
    /SETTINGS frames without traffic: more than 100/,
    ({ peer }) => peer.settings([[4, 65_535]]),
  ],
  [
    "SETTINGS that move every window to and fro",
    /SETTINGS frames/,
    ({ peer }, index) => peer.settings([[4, index % 2]]),
  ],
  [
    "SETTINGS that empty and refill the header table",
    /SETTINGS frames/,
    ({ peer }, index) => peer.settings([[1, (index % 2) * 4_096]]),
  ],
  ["WINDOW_UPDATEs of the connection", carryNothing, ({ peer }) => peer.windowUpdate(0, 1)],
  ["WINDOW_UPDATEs of a stream", carryNothing, ({ peer }) => peer.windowUpdate(1, 1)],
  [
    "PRIORITY frames",
    carryNothing,
    () => rawFrame({ type: FrameType.PRIORITY, streamId: 1, payload: [...uint32(3), 1] }),
  ],
  ["PRIORITY frames on streams that never were", carryNothing, (_, index) => priority(1_001 + 2 * index)],
  ["frames of unknown type", carryNothing, () => rawFrame({ type: 0xad, payload: [1] })],
  [
    "frames of unknown type, 16 KiB each",
    carryNothing,
    () => rawFrame({ type: 0xad, streamId: 1, payload: new Uint8Array(16_384) }),
  ],
  ["answers to PINGs never sent", carryNothing, ({ peer }) => peer.ping([1, 2, 3, 4, 5, 6, 7, 8], Flag.ACK)],
  ["GOAWAYs", carryNothing, ({ peer }) => peer.goAway(1, 0)],
];

function priority(streamId: number): Uint8Array {
  return rawFrame({ type: FrameType.PRIORITY, streamId, payload: [...uint32(0), 1] });
}

export const floodFrames: number = 1_300;

/** The floods, each after the frames that `open` stream 1. */
export function floodAttacks(open: (setting: AttackSetting) => readonly Uint8Array[]): Attack[] {
  return floods.map(([what, why, frame]) => ({
    title: `a flood of ${what}`,
    *send(setting) {
      yield* open(setting);
      yield* times(floodFrames, (index) => frame(setting, index));
    },
    goAway: "ENHANCE_YOUR_CALM",
    why,
  }));
}
