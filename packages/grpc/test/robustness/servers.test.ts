/** Servers that stop, break or say something wrong at every point of a call: the exact status that a caller gets. */
import { ErrorCode } from "@trunkline/h2";
import { rawFrame, uint32 } from "@trunkline/h2/testing";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GrpcError } from "../../src/index.js";
import { calls, cutsOf, endings, framesOf, playServer, record } from "./recorded.js";

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", onUnhandled));
afterAll(() => {
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

/** Returns `"OK"`, or the code of the error with which the call rejects. */
async function outcomeOf(reply: Promise<unknown>): Promise<string> {
  return await reply.then(
    () => "OK",
    (error: unknown) => (error instanceof GrpcError ? error.code : String(error)),
  );
}

async function play(name: string, bytes: Uint8Array, end: keyof typeof endings | undefined): Promise<string> {
  const played = playServer(bytes, end && endings[end]);
  const outcome = await outcomeOf(calls[name]?.(played.client) ?? Promise.reject(new Error(name)));
  await played.finish();
  return outcome;
}

/** Plays all at once; each must end as it should. */
async function expectEach(
  places: readonly number[],
  played: (at: number) => Promise<string>,
  expected: (at: number) => string,
): Promise<void> {
  expect(places.length).toBeGreaterThan(0);
  const outcomes = await Promise.all(places.map(played));
  expect(outcomes.map((outcome, index) => `${places[index]}: ${outcome}`)).toEqual(
    places.map((at) => `${at}: ${expected(at)}`),
  );
}

const recordings = new Map<string, Buffer>();
const recordingOf = (name: string): Buffer => recordings.get(name) as Buffer;

beforeAll(async () => {
  for (const [name, call] of Object.entries(calls)) recordings.set(name, (await record(call)).fromServer);
});

/** Returns the end of the call's last frame: what comes after it does not matter to the call. */
function endOfCall(bytes: Buffer): number {
  return framesOf(bytes).findLast(({ streamId }) => streamId !== 0)?.end ?? 0;
}

/** Returns the places between the frames of the call, after the connection's own. */
function boundaries(bytes: Buffer): number[] {
  return framesOf(bytes)
    .filter(({ streamId }) => streamId !== 0)
    .map(({ start }) => start);
}

const insertedAt = (bytes: Buffer, at: number, frame: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), frame, bytes.subarray(at)]);

describe.each(Object.keys(calls))("%s", (name) => {
  it.each(Object.keys(endings) as (keyof typeof endings)[])(
    "is UNAVAILABLE after any number of bytes if the connection %s",
    async (end) => {
      const bytes = recordingOf(name);
      const whole = endOfCall(bytes);
      await expectEach(
        cutsOf(bytes),
        (length) => play(name, bytes.subarray(0, length), end),
        (length) => (length < whole ? "UNAVAILABLE" : "OK"),
      );
    },
  );

  it("is DEADLINE_EXCEEDED at its time if the server falls silent after any number of bytes", async () => {
    const bytes = recordingOf(name);
    const lengths = cutsOf(bytes).filter((length) => length < endOfCall(bytes));
    await expectEach(
      lengths,
      (length) => playWithDeadline(name, bytes.subarray(0, length)),
      () => "DEADLINE_EXCEEDED",
    );
  });

  it.each([
    [ErrorCode.NO_ERROR, "INTERNAL"],
    [ErrorCode.PROTOCOL_ERROR, "INTERNAL"],
    [ErrorCode.INTERNAL_ERROR, "INTERNAL"],
    [ErrorCode.FLOW_CONTROL_ERROR, "INTERNAL"],
    [ErrorCode.SETTINGS_TIMEOUT, "INTERNAL"],
    [ErrorCode.STREAM_CLOSED, "INTERNAL"],
    [ErrorCode.FRAME_SIZE_ERROR, "INTERNAL"],
    [ErrorCode.REFUSED_STREAM, "UNAVAILABLE"],
    [ErrorCode.CANCEL, "CANCELLED"],
    [ErrorCode.COMPRESSION_ERROR, "INTERNAL"],
    [ErrorCode.CONNECT_ERROR, "INTERNAL"],
    [ErrorCode.ENHANCE_YOUR_CALM, "RESOURCE_EXHAUSTED"],
    [ErrorCode.INADEQUATE_SECURITY, "PERMISSION_DENIED"],
    [ErrorCode.HTTP_1_1_REQUIRED, "INTERNAL"],
    [0xfedc, "INTERNAL"],
  ])("that is reset with code %i between any two frames is %s", async (code, expected) => {
    const bytes = recordingOf(name);
    const reset = rawFrame({ type: 3, streamId: 1, payload: uint32(code) });
    // Refused before anything was answered, it would be sent again, and there is nothing to send it on.
    const end = code === ErrorCode.REFUSED_STREAM ? "is destroyed" : undefined;
    await expectEach(
      boundaries(bytes),
      (at) => play(name, Buffer.concat([bytes.subarray(0, at), reset]), end),
      () => expected,
    );
  });

  it("goes on when the server sends GOAWAY that includes its stream, between any two frames", async () => {
    const bytes = recordingOf(name);
    const goAway = rawFrame({ type: 7, streamId: 0, payload: [...uint32(1), ...uint32(ErrorCode.NO_ERROR)] });
    await expectEach(
      boundaries(bytes),
      (at) => play(name, insertedAt(bytes, at, goAway), undefined),
      () => "OK",
    );
  });

  it("is UNAVAILABLE after a GOAWAY that leaves its stream out, if there is no other connection", async () => {
    const bytes = recordingOf(name);
    const goAway = rawFrame({ type: 7, streamId: 0, payload: [...uint32(0), ...uint32(ErrorCode.NO_ERROR)] });
    await expectEach(
      boundaries(bytes),
      (at) => play(name, insertedAt(bytes, at, goAway), "is half-closed"),
      () => "UNAVAILABLE",
    );
  });

  it("is UNAVAILABLE when the server sends GOAWAY with an error and is gone", async () => {
    const bytes = recordingOf(name);
    const goAway = rawFrame({ type: 7, streamId: 0, payload: [...uint32(1), ...uint32(ErrorCode.INTERNAL_ERROR)] });
    await expectEach(
      boundaries(bytes),
      (at) => play(name, Buffer.concat([bytes.subarray(0, at), goAway]), "is half-closed"),
      () => "UNAVAILABLE",
    );
  });

  it.each([
    ["random bytes", Uint8Array.from({ length: 64 }, (_, index) => (index * 167 + 91) & 255)],
    ["an answer of HTTP/1.1", Buffer.from("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")],
    ["a frame that is too large", Uint8Array.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1)],
    ["SETTINGS of an odd length", rawFrame({ type: 4, streamId: 0, payload: Uint8Array.of(0) })],
    [
      "headers that are no HPACK",
      rawFrame({ type: 1, flags: 4, streamId: 1, payload: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff) }),
    ],
    ["DATA on a stream that was never opened", rawFrame({ type: 0, streamId: 99, payload: Uint8Array.of(0) })],
  ])("is UNAVAILABLE when %s come between any two frames", async (_what, garbage) => {
    const bytes = recordingOf(name);
    await expectEach(
      boundaries(bytes),
      (at) => play(name, insertedAt(bytes, at, garbage), undefined),
      () => "UNAVAILABLE",
    );
  });

  it("goes on when frames of an unknown type, PINGs and empty SETTINGS come between any two frames", async () => {
    const bytes = recordingOf(name);
    const harmless = Buffer.concat([
      rawFrame({ type: 0xee, streamId: 1, payload: Uint8Array.of(1, 2, 3) }),
      rawFrame({ type: 6, streamId: 0, payload: new Uint8Array(8) }),
      rawFrame({ type: 4, streamId: 0, payload: new Uint8Array() }),
    ]);
    await expectEach(
      boundaries(bytes),
      (at) => play(name, insertedAt(bytes, at, harmless), undefined),
      () => "OK",
    );
  });

  it("is never OK without a frame of its answer, but for a message of a stream, which is not counted", async () => {
    const bytes = recordingOf(name);
    for (const { start, end } of framesOf(bytes).filter(({ streamId }) => streamId !== 0)) {
      const answer = Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
      // A message that is missing from a stream is not seen by HTTP/2 or gRPC.
      const outcome = await play(name, answer, "is half-closed");
      const lost = framesOf(bytes).find((frame) => frame.start === start);
      if (lost?.type === 0 && (name === "a server stream" || name === "both streams")) continue;
      expect(`${start}: ${outcome}`).not.toBe(`${start}: OK`);
    }
  });
});

async function playWithDeadline(name: string, bytes: Uint8Array): Promise<string> {
  const clock = new VirtualClock();
  const played = playServer(bytes, undefined, { clock, timeoutMs: 10_000 });
  const reply = outcomeOf(calls[name]?.(played.client) ?? Promise.reject(new Error(name)));
  await played.silence;
  clock.advance(10_000);
  const outcome = await reply;
  await played.finish();
  return outcome;
}
