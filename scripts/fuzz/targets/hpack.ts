/**
 * The header decoder against a naive one, and what it decoded against our encoder and itself.
 *
 * An input is a sequence of steps: an octet below 0x10 changes the table's limit (two octets follow), any other one is
 * the length of a header block in octets (two octets, the first one without its high bits).
 */
import { H2Error, portableAscii } from "@trunkline/h2";
import { HpackDecoder } from "../../../packages/h2/src/hpack/decoder.js";
import { HpackEncoder } from "../../../packages/h2/src/hpack/encoder.js";
import type { Random } from "../../../packages/h2/test/support/random.js";
import { kindOf, must, mustEqual, Steering, type Target } from "../target.js";
import { NaiveDecoder } from "./naive-hpack.js";

const largeList = 2 ** 30;
const smallList = 300;
const tableLimits = [4_096, 0, 100, 8_192] as const;

export const hpackTarget: Target = {
  name: "hpack",

  generate(random) {
    const steps: number[] = [random.below(4)];
    const encoder = new HpackEncoder({ ascii: portableAscii });
    for (let step = 0; step <= random.below(8); step++) {
      if (random.chance(0.15)) {
        const size = random.pick([0, 40, 100, 4_096, random.below(9_000)]);
        steps.push(0, size >>> 8, size & 0xff);
        encoder.setMaxTableSize(size);
        continue;
      }
      const block = random.chance(0.6) ? encoded(random, encoder) : raw(random);
      steps.push(0x10 | (block.length >>> 8), block.length & 0xff, ...block);
    }
    return Uint8Array.from(steps);
  },

  run(input) {
    const features = new Set<string>();
    const steering = new Steering(input);
    const maxTableSize = tableLimits[steering.octet() % tableLimits.length] as number;
    const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize });
    const bounded = new HpackDecoder({ ascii: portableAscii, maxTableSize });
    const naive = new NaiveDecoder(maxTableSize);
    const encoder = new HpackEncoder({ ascii: portableAscii });
    const reader = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
    while (steering.left > 0) {
      const first = steering.octet();
      if (first < 0x10) {
        const size = steering.uint16();
        for (const one of [decoder, bounded, naive]) one.setMaxTableSize(size);
        features.add(`limit ${Math.min(3, size >>> 11)}`);
        continue;
      }
      const block = steering.take(((first & 0x0f) << 8) | steering.octet());
      const ours = outcome(() => decoder.decode(block, 0, block.length, largeList));
      const small = outcome(() => bounded.decode(block, 0, block.length, smallList));
      let theirs: ReturnType<NaiveDecoder["decode"]> | undefined;
      try {
        theirs = naive.decode(block);
      } catch {
        theirs = undefined;
      }
      if (typeof ours === "string") {
        must(theirs === undefined, `refused (${ours}), but it is right`);
        must(typeof small === "string", "a small limit makes a wrong block right");
        features.add(ours);
        return features;
      }
      const plain = ours.map(({ name, value, neverIndexed }) => ({ name, value, neverIndexed: neverIndexed === true }));
      mustEqual(plain, theirs, "decoded");
      must(typeof small !== "string", `a small limit makes a right block wrong: ${String(small)}`);
      if (typeof small !== "string") checkBounded(bounded, decoder, small.length, ours.length);
      const target = new Uint8Array(encoder.maxEncodedLength(ours));
      const end = encoder.encode(ours, target, 0);
      const again = reader.decode(target, 0, end, largeList);
      mustEqual(
        again.map(({ name, value }) => [name, value]),
        ours.map(({ name, value }) => [name, value]),
        "encoded and decoded again",
      );
      for (const feature of shapes(block)) features.add(feature);
      features.add(
        [
          `fields ${Math.min(9, ours.length)}`,
          decoder.listTooLarge,
          bounded.listTooLarge,
          plain.some((field) => field.neverIndexed),
        ].join(" "),
      );
    }
    return features;
  },
};

function checkBounded(bounded: HpackDecoder, free: HpackDecoder, kept: number, all: number): void {
  must(bounded.listBytes === free.listBytes, "a limit changes what is counted");
  must(bounded.listTooLarge === free.listBytes > smallList, "too large, or not");
  must(bounded.listTooLarge ? kept < all : kept === all, `${kept} of ${all} fields are kept`);
}

function outcome<Result>(decode: () => Result): Result | string {
  try {
    return decode();
  } catch (error) {
    must(
      error instanceof H2Error && error.scope === "connection" && error.code === "COMPRESSION_ERROR",
      `not an H2Error: ${String(error)}`,
    );
    return kindOf(error);
  }
}

/** Yields the shape of a block: the forms of its first octets, and sizes. */
function* shapes(block: Uint8Array): Generator<string> {
  const form = (octet: number): string => {
    if (octet >= 0x80) return octet === 0xff ? "I+" : "I";
    if (octet >= 0x40) return octet === 0x40 ? "L0" : "L";
    if (octet >= 0x20) return "U";
    return octet >= 0x10 ? "N" : "W";
  };
  yield `block ${[...block.subarray(0, 3)].map(form).join("")} ${Math.min(8, Math.ceil(Math.log2(block.length + 1)))}`;
}

const names = [":path", ":status", "cookie", "grpc-status", "x", "authorization", "content-type"];

function encoded(random: Random, encoder: HpackEncoder): Uint8Array {
  const fields = Array.from({ length: random.below(8) }, () => ({
    name: random.chance(0.7) ? random.pick(names) : String.fromCharCode(...random.bytes(random.below(20))),
    value: random.chance(0.5) ? String(random.below(1_000)) : String.fromCharCode(...random.bytes(random.below(60))),
    neverIndexed: random.chance(0.2),
  }));
  const target = new Uint8Array(encoder.maxEncodedLength(fields));
  return target.slice(0, Math.min(4_095, encoder.encode(fields, target, 0)));
}

/** Forms put together by hand, as no sane encoder does. */
function raw(random: Random): Uint8Array {
  const octets: number[] = [];
  for (let part = 0; part < 1 + random.below(6); part++) {
    octets.push(
      random.pick([
        0x80 | random.below(128),
        0x40,
        0x40 | random.below(64),
        0,
        0x10,
        random.below(32),
        0x20 | random.below(32),
        0xff,
      ]),
    );
    const text = random.bytes(random.below(12));
    octets.push(random.chance(0.8) ? text.length | (random.chance(0.4) ? 0x80 : 0) : random.below(256), ...text);
  }
  return Uint8Array.from(octets);
}
