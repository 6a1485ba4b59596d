import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readGoAway } from "../src/frame/go-away.js";
import { paddingBytes } from "../src/frame/padding.js";
import { readDependency } from "../src/frame/priority.js";
import { FrameReader } from "../src/frame/reader.js";
import { readRstStream } from "../src/frame/rst-stream.js";
import { readSettings } from "../src/frame/settings.js";
import { readWindowUpdate } from "../src/frame/window-update.js";
import { ErrorCode } from "../src/index.js";
import { Flag, FrameType } from "../src/testing/index.js";
import { Engine } from "./support/engine.js";

interface Case {
  readonly description: string;
  readonly wire: string;
  readonly error: readonly number[] | null;
  readonly frame: {
    length: number;
    type: number;
    flags: number;
    stream_identifier: number;
    frame_payload: Record<string, unknown>;
  } | null;
}

// Public test data (http2jp/http2-frame-test-case), which is not part of the project.
const corpus = new URL("../../../../shared/vectors/frames/", import.meta.url);
const present = existsSync(corpus);

function load(): [name: string, content: Case][] {
  return readdirSync(corpus, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const folder = new URL(`${name}/`, corpus);
      const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
      return files.map((file): [string, Case] => [
        `${name}/${file}`,
        JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Case,
      ]);
    });
}

describe.skipIf(!present)(
  present ? "public frame corpus" : "public frame corpus (skipped: ../shared/vectors is not there)",
  () => {
    const cases = present ? load() : [];
    const right = cases.filter(([, { error }]) => error === null);
    const wrong = cases.filter(([, { error }]) => error !== null);

    it("is whole", () => {
      expect([right.length, wrong.length]).toEqual([12, 22]);
    });

    it.each(right)("%s is read as it says", (_, { wire, frame }) => {
      let seen: unknown;
      const sink = {
        stopped: false,
        onFrame(type: number, flags: number, streamId: number, bytes: Uint8Array, start: number, end: number) {
          seen = {
            length: end - start,
            type,
            flags,
            stream_identifier: streamId,
            frame_payload: payloadOf(type, flags, bytes, start, end),
          };
        },
      };
      new FrameReader(sink, 16_384).receive(Buffer.from(wire, "hex"));
      expect(seen).toMatchObject({ ...frame, frame_payload: definedOnly(frame?.frame_payload ?? {}) });
    });

    it.each(wrong)("%s is refused with one of its codes", (_, { wire, error }) => {
      for (const role of ["client", "server"] as const) {
        const engine = Engine.ready(role);
        engine.send(Buffer.from(wire, "hex"));
        const verdict = engine.verdict();
        const name =
          verdict === "taken" ? verdict : "connectionError" in verdict ? verdict.connectionError : verdict.streamError;
        expect(error).toContain(ErrorCode[name as keyof typeof ErrorCode]);
      }
    });
  },
);

function payloadOf(
  type: number,
  flags: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): Record<string, unknown> {
  const text = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString("latin1");
  const padded = type === FrameType.DATA || type === FrameType.HEADERS || type === FrameType.PUSH_PROMISE;
  const padding = padded ? paddingBytes(flags, bytes, start, end) : 0;
  const contentEnd = end - padding;
  let at = padded && (flags & Flag.PADDED) !== 0 ? start + 1 : start;
  const common = padding > 0 ? { padding_length: padding, padding: text(contentEnd, end) } : {};
  switch (type) {
    case FrameType.DATA:
      return { ...common, data: text(at, contentEnd) };
    case FrameType.HEADERS: {
      const prioritised = (flags & Flag.PRIORITY) !== 0 ? { stream_dependency: readDependency(bytes, at) } : {};
      if ((flags & Flag.PRIORITY) !== 0) at += 5;
      return { ...common, ...prioritised, header_block_fragment: text(at, contentEnd) };
    }
    case FrameType.PRIORITY:
      return { stream_dependency: readDependency(bytes, start) };
    case FrameType.RST_STREAM:
      return { error_code: readRstStream(bytes, start, end) };
    case FrameType.SETTINGS:
      return { settings: readSettings(bytes, start, end, 32) };
    case FrameType.PUSH_PROMISE:
      return { ...common, header_block_fragment: text(at + 4, contentEnd) };
    case FrameType.PING:
      return { opaque_data: text(start, end) };
    case FrameType.GOAWAY: {
      const { lastStreamId, errorCode, debugData } = readGoAway(bytes, start, end);
      return {
        last_stream_id: lastStreamId,
        error_code: errorCode,
        additional_debug_data: Buffer.from(debugData).toString("latin1"),
      };
    }
    case FrameType.WINDOW_UPDATE:
      return { window_size_increment: readWindowUpdate(bytes, start, end) };
    default:
      return { header_block_fragment: text(start, end) };
  }
}

/**
 * Returns what we read of a frame: not the weight and exclusiveness of a priority, nor a promised stream, which mean
 * nothing to us.
 */
function definedOnly(payload: Record<string, unknown>): Record<string, unknown> {
  const ignored = ["weight", "exclusive", "promised_stream_id"];
  return Object.fromEntries(Object.entries(payload).filter(([key, value]) => value !== null && !ignored.includes(key)));
}
