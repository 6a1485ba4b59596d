/** The side of `trunkline bench` that measures: one turn of one measurement on one way, and what several turns give. */
import { randomBytes } from "node:crypto";
import { monotonicMs } from "@trunkline/base/node";
import { type BufferedStream, buffered, type ObjectStream } from "@trunkline/streams";
import { chunkBytes, countBytes, countToEnd, type MeasurementKind, measurementRequest } from "./service.js";

/** The bytes that go back and forth. */
export const roundTripBytes = 64;

/** The result of one measurement on one way, over all of its turns. */
export interface Measured {
  /** The milliseconds of each round trip. */
  readonly tripsMs: number[];
  /** The bytes that arrived. */
  bytes: number;
  /** The milliseconds that it took. */
  elapsedMs: number;
}

/** Measures on each of the streams at the same time, and closes them. Adds to `measured`. */
export async function measureTurn(
  kind: MeasurementKind,
  streams: readonly ObjectStream<Uint8Array>[],
  timeMs: number,
  measured: Measured,
  signal: AbortSignal,
): Promise<void> {
  const beganMs = monotonicMs();
  await Promise.all(
    streams.map(async (given) => {
      const stream = buffered(given);
      await stream.send(measurementRequest(kind, timeMs), { signal });
      if (kind === "round-trips") await goRoundFor(stream, timeMs, measured.tripsMs, signal);
      else if (kind === "upload") measured.bytes += await uploadFor(stream, timeMs, signal);
      else measured.bytes += await download(stream, signal);
    }),
  );
  measured.elapsedMs += monotonicMs() - beganMs;
  await Promise.all(streams.map((stream) => stream.close()));
}

async function goRoundFor(
  stream: BufferedStream,
  timeMs: number,
  tripsMs: number[],
  signal: AbortSignal,
): Promise<void> {
  const bytes = randomBytes(roundTripBytes);
  const untilMs = monotonicMs() + timeMs;
  let sentMs = monotonicMs();
  do {
    await stream.send(bytes, { signal });
    if ((await stream.readExactly(roundTripBytes, { signal })) === undefined)
      throw new Error("the other side ended the stream in a round trip");
    const nowMs = monotonicMs();
    tripsMs.push(nowMs - sentMs);
    sentMs = nowMs;
  } while (sentMs < untilMs);
  await stream.sendEof({ signal });
  if ((await stream.receive({ signal })) !== undefined) throw new Error("more came back than was sent");
}

async function uploadFor(stream: BufferedStream, timeMs: number, signal: AbortSignal): Promise<number> {
  const chunk = randomBytes(chunkBytes);
  const untilMs = monotonicMs() + timeMs;
  let sent = 0;
  do {
    await stream.send(chunk, { signal });
    sent += chunk.length;
  } while (monotonicMs() < untilMs);
  await stream.sendEof({ signal });
  const answer = await stream.readExactly(countBytes, { signal });
  const received = answer && new DataView(answer.buffer, answer.byteOffset).getBigUint64(0);
  if (received !== BigInt(sent)) throw new Error(`of ${sent} bytes that were sent the other side counted ${received}`);
  if ((await stream.receive({ signal })) !== undefined)
    throw new Error("the answer to an upload is longer than 8 bytes");
  return sent;
}

async function download(stream: BufferedStream, signal: AbortSignal): Promise<number> {
  const count = await countToEnd(stream, signal);
  await stream.sendEof({ signal });
  return count;
}

/** The figures of a measurement, as events have them. */
export interface Figures {
  /** Round trips or bytes a second. */
  readonly perSecond: number;
  /** The time of a round trip that half of them do not exceed, in milliseconds. */
  readonly medianMs?: number;
  readonly percentile99Ms?: number;
}

/** Returns the figures of a measurement. */
export function figuresOf(kind: MeasurementKind, { tripsMs, bytes, elapsedMs }: Measured): Figures {
  const seconds = Math.max(elapsedMs, 0.001) / 1_000;
  if (kind !== "round-trips") return { perSecond: Math.round(bytes / seconds) };
  const sorted = Float64Array.from(tripsMs).sort();
  const at = (share: number): number => rounded(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  return { perSecond: Math.round(sorted.length / seconds), medianMs: at(0.5), percentile99Ms: at(0.99) };
}

/** Returns milliseconds to the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
