/**
 * HPACK by itself: a header block of ten fields as gRPC clients send it, of which nothing changes but one request's
 * number.
 */

import { nodeAscii } from "@trunkline/h2/node";
import { HpackDecoder } from "../../packages/h2/dist/hpack/decoder.js";
import { HpackEncoder } from "../../packages/h2/dist/hpack/encoder.js";

/** @param {number} request */
const fields = (request) => [
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "https" },
  { name: ":path", value: "/trunkline.bench.v1.BenchService/Echo" },
  { name: ":authority", value: "bench.example.com:443" },
  { name: "te", value: "trailers" },
  { name: "content-type", value: "application/grpc" },
  { name: "user-agent", value: "grpc-node-trunkline/1.0" },
  { name: "grpc-accept-encoding", value: "identity,gzip,deflate" },
  { name: "authorization", value: "Bearer 0123456789abcdef0123456789abcdef0123456789abcdef" },
  { name: "x-request-id", value: String(request % 10_000) },
];
const room = 4_096;
/** Blocks between two looks at the clock. */
const atATime = 1_000;

/**
 * @param {{ warmUpMs: number, windowMs: number }} timing
 * @param {(request: number) => void} once
 */
function microsOf({ warmUpMs, windowMs }, once) {
  let request = 0;
  /** @param {number} durationMs */
  const run = (durationMs) => {
    const [start, first] = [performance.now(), request];
    let now = start;
    while (now - start < durationMs) {
      for (let turn = 0; turn < atATime; turn += 1) once(request++);
      now = performance.now();
    }
    return { amount: ((now - start) * 1_000) / (request - first), elapsedMs: now - start };
  };
  run(warmUpMs);
  return run(windowMs);
}

export default {
  /** @param {{ warmUpMs: number, windowMs: number }} timing */
  encode(timing) {
    const encoder = new HpackEncoder({ ascii: nodeAscii });
    const target = new Uint8Array(room);
    const given = Array.from({ length: atATime }, (_, request) => fields(request));
    return microsOf(timing, (request) => encoder.encode(given[request % atATime], target, 0));
  },

  /** @param {{ warmUpMs: number, windowMs: number }} timing */
  decode(timing) {
    const encoder = new HpackEncoder({ ascii: nodeAscii });
    const decoder = new HpackDecoder({ ascii: nodeAscii, maxTableSize: 4_096 });
    const blocks = Array.from({ length: atATime }, (_, request) => {
      const target = new Uint8Array(room);
      return target.subarray(0, encoder.encode(fields(request), target, 0));
    });
    // The first ones fill the table; the later ones are what is repeated.
    for (const block of blocks) decoder.decode(block, 0, block.length, 65_536);
    const repeated = blocks.slice(-100).filter((block) => isStateless(block));
    return microsOf(timing, (request) => {
      const block = repeated[request % repeated.length];
      if (decoder.decode(block, 0, block.length, 65_536).length !== 10) throw new Error("fields were lost");
    });
  },
};

/**
 * Leaves the decoder's table as it is: of those blocks that insert nothing, the last field's literal begins with 0000.
 * @param {Uint8Array} block
 */
function isStateless(block) {
  return block[9] < 0x20 && block[9] < 0x10;
}
