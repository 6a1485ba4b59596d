/**
 * The side of `trunkline bench` that is measured: an exposer answers it for each of its names, and `bench --serve` on a
 * port of TCP. Its target sees nothing of it.
 *
 * A stream begins with a request of five bytes: the kind of the measurement, and the milliseconds that it takes (32
 * bits, the highest byte first). Behind it come
 *
 * - `E`: bytes that are sent back as they come;
 * - `U`: bytes up to an end, which is answered with their number (64 bits, the highest byte first);
 * - `D`: nothing. The answer is bytes for that time, and an end.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "@trunkline/base";
import type { ListedName } from "@trunkline/router";
import { type BufferedStream, buffered, type ObjectStream } from "@trunkline/streams";
import { OwnStreams } from "../expose/own-streams.js";

/** The metadata of a name whose exposer can be measured, and of a stream that measures it. */
export const measurementMetadata: Readonly<Record<"trunkline-bench", string>> = { "trunkline-bench": "1" };

export type MeasurementKind = "round-trips" | "upload" | "download";

/** The bytes that are sent at a time. */
export const chunkBytes = 65_536;
/** The longest measurement. */
export const maxMeasurementMs = 60_000;
/** The time beyond that of the measurement after which its stream is ended. */
export const slackMs = 30_000;
/** The streams that are measured at once; one more is refused. */
export const maxMeasurementStreams = 64;

const requestBytes = 5;
/** The bytes of the answer to an upload. */
export const countBytes = 8;
const letters: Readonly<Record<MeasurementKind, string>> = { "round-trips": "E", upload: "U", download: "D" };

/** Returns true for a name whose exposer can be measured. */
export function isMeasurable({ metadata }: ListedName): boolean {
  return metadata.get("trunkline-bench") === measurementMetadata["trunkline-bench"];
}

/** Returns the first bytes of a stream. */
export function measurementRequest(kind: MeasurementKind, timeMs: number): Uint8Array {
  const request = new Uint8Array(requestBytes);
  const view = new DataView(request.buffer);
  view.setUint8(0, letters[kind].charCodeAt(0));
  view.setUint32(1, timeMs);
  return request;
}

/** Returns the streams of measurements of an exposer, or of a port. */
export function measurementStreams(clock: Clock): OwnStreams {
  return new OwnStreams({
    key: "trunkline-bench",
    what: "streams of measurements",
    most: maxMeasurementStreams,
    answer: (stream) => answerMeasurement(stream, clock),
  });
}

async function answerMeasurement(given: ObjectStream<Uint8Array>, clock: Clock): Promise<void> {
  const stream = buffered(given);
  const late = new AbortController();
  const endAfter = (ms: number): (() => void) =>
    clock.at(clock.nowMs() + ms, () => late.abort(new Error("the measurement took too long")), "watch");
  let cancel = endAfter(slackMs);
  const { signal } = late;
  try {
    const { kind, timeMs } = await readRequest(stream, signal);
    cancel();
    cancel = endAfter(timeMs + slackMs);
    if (kind === "round-trips") await sendBack(stream, signal);
    else if (kind === "upload") await answerCount(stream, signal);
    else await sendFor(stream, timeMs, clock, signal);
    await stream.sendEof({ signal });
  } finally {
    cancel();
  }
}

interface MeasurementRequest {
  readonly kind: MeasurementKind;
  readonly timeMs: number;
}

async function readRequest(stream: BufferedStream, signal: AbortSignal): Promise<MeasurementRequest> {
  const bytes = await stream.readExactly(requestBytes, { signal });
  if (bytes === undefined) throw new Error("the stream ended before its request of a measurement");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const letter = String.fromCharCode(view.getUint8(0));
  const [kind] = Object.entries(letters).find(([, each]) => each === letter) ?? [];
  const timeMs = view.getUint32(1);
  if (kind === undefined || timeMs > maxMeasurementMs)
    throw new Error(`these are no bytes of trunkline bench, or ask for more than ${maxMeasurementMs} ms`);
  return { kind: kind as MeasurementKind, timeMs };
}

async function sendBack(stream: ObjectStream<Uint8Array>, signal: AbortSignal): Promise<void> {
  for (let bytes = await stream.receive({ signal }); bytes !== undefined; bytes = await stream.receive({ signal }))
    await stream.send(bytes, { signal });
}

/** Returns the number of bytes up to the end of a stream. */
export async function countToEnd(stream: ObjectStream<Uint8Array>, signal: AbortSignal): Promise<number> {
  let count = 0;
  for (let bytes = await stream.receive({ signal }); bytes !== undefined; bytes = await stream.receive({ signal }))
    count += bytes.length;
  return count;
}

async function answerCount(stream: ObjectStream<Uint8Array>, signal: AbortSignal): Promise<void> {
  const answer = new Uint8Array(countBytes);
  new DataView(answer.buffer).setBigUint64(0, BigInt(await countToEnd(stream, signal)));
  await stream.send(answer, { signal });
}

async function sendFor(
  stream: ObjectStream<Uint8Array>,
  timeMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const chunk = randomBytes(chunkBytes);
  const untilMs = clock.nowMs() + timeMs;
  do await stream.send(chunk, { signal });
  while (clock.nowMs() < untilMs);
}
