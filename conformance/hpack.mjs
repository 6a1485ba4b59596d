/**
 * Headers that our encoder has written, decoded by others: python-hyper's hpack, Go's x/net/http2/hpack and nghttp2's
 * library. Each connection is run with the table sizes that it came with, without a table, with a large one, and with
 * sizes that change all the time. Our encoder takes Huffman code where that is shorter, string by string, so both forms
 * are there.
 */
import { fileURLToPath } from "node:url";
import { portableAscii } from "@trunkline/h2";
import { nodeAscii } from "@trunkline/h2/node";
import { HpackEncoder } from "../packages/h2/dist/hpack/encoder.js"; // no part of the package's public names
import { ownStories, publicStories } from "./hpack/stories.mjs";
import { installedByApt } from "./lib/apt.mjs";
import { excerpt, runToEnd } from "./lib/child.mjs";
import { builtByGo } from "./lib/go.mjs";
import { pythonWith } from "./lib/python.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

const largeTable = 65_536;
/** The table sizes that a decoder asks for in turn: smaller, none, and larger than the encoder uses by itself. */
const changingSizes = [[1_024], [], [0], [256], [0, 4_096], [largeTable], [], [3_000]];
const go = "Go's x/net/http2/hpack";

const variants = [
  { name: "as they came", options: {}, sizesOf: (block) => block.tableSizes },
  { name: "without a table", options: {}, sizesOf: (_, number) => (number === 0 ? [0] : []) },
  {
    name: "with a large table",
    options: { maxTableSize: largeTable },
    sizesOf: (_, number) => (number === 0 ? [largeTable] : []),
  },
  {
    name: "with a table that changes",
    options: { maxTableSize: largeTable, ascii: portableAscii },
    sizesOf: (_, number) => changingSizes[number % changingSizes.length],
  },
  {
    name: "with a table that shrinks and grows between two blocks",
    options: {},
    sizesOf: (_, number) => (number % 4 === 3 ? [1_000, 50, 3_000] : []),
    // RFC 7541 §4.2 has the smallest size and the last announced; Go refuses the second as long as its table holds
    // anything.
    without: go,
  },
];

/** Returns the input of a decoder for one connection. */
function encoded({ blocks }, { options, sizesOf }) {
  const encoder = new HpackEncoder({ ascii: nodeAscii, ...options });
  return blocks.map((block, number) => {
    const tableSizes = sizesOf(block, number);
    for (const size of tableSizes) encoder.setMaxTableSize(size);
    const target = new Uint8Array(encoder.maxEncodedLength(block.fields));
    const end = encoder.encode(block.fields, target, 0);
    return { tableSizes, wire: Buffer.from(target.subarray(0, end)).toString("hex") };
  });
}

/** The first difference, in words; undefined where there is none. */
function difference({ blocks }, answer) {
  if (!Array.isArray(answer)) return `block ${answer.block} was refused: ${answer.error}`;
  if (answer.length !== blocks.length) return `${answer.length} blocks instead of ${blocks.length}`;
  for (const [number, { fields }] of blocks.entries()) {
    const decoded = answer[number];
    if (decoded.length !== fields.length)
      return `block ${number} has ${decoded.length} fields instead of ${fields.length}`;
    for (const [at, { name, value, neverIndexed }] of fields.entries()) {
      const [theirName, theirValue, theirNeverIndexed] = decoded[at];
      if (theirName !== name || theirValue !== value) {
        const [theirs, ours] = [JSON.stringify([theirName, theirValue]), JSON.stringify([name, value])];
        return `field ${at} of block ${number} is ${theirs} instead of ${ours}`;
      }
      const secret = neverIndexed === true || name === "cookie" || name === "set-cookie";
      if (secret && !theirNeverIndexed)
        return `field ${at} of block ${number}, ${name}, is not marked as never indexed`;
    }
  }
  return undefined;
}

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  installedByApt("nghttp", "nghttp2-client"); // brings nghttp2's library
  const python = pythonWith("hpack", ["hpack==4.1.0"]);
  const script = path("hpack/hpack-decode.py");
  const decoders = [
    { name: "python-hyper's hpack", program: python, args: [script, "hpack"] },
    { name: "nghttp2", program: python, args: [script, "nghttp2"] },
    { name: go, program: builtByGo(path("h2/go"), "hpack-decode"), args: [] },
  ];
  const theirs = publicStories();
  if (theirs.length === 0)
    console.log("the public stories (../shared/vectors/hpack) are not here: only own headers are judged");
  const stories = [...theirs, ...ownStories()];
  const counts = { passed: 0, failed: 0 };
  for (const variant of variants) {
    const input = stories.map((story) => `${JSON.stringify(encoded(story, variant))}\n`).join("");
    for (const { name, program, args } of decoders.filter((decoder) => decoder.name !== variant.without)) {
      const result = await runToEnd(program, args, { input, timeoutMs: 120_000 });
      const answers = result.stdout.toString().split("\n").slice(0, -1);
      let agreed = 0;
      for (const [number, story] of stories.entries()) {
        const answer = answers[number];
        const wrong = answer === undefined ? excerpt(result) : difference(story, JSON.parse(answer));
        if (wrong === undefined) agreed += 1;
        else console.log(`failed  ${name}, ${variant.name}, ${story.title}: ${wrong}`);
      }
      counts.passed += agreed;
      counts.failed += stories.length - agreed;
      const verdict = agreed === stories.length ? "ok    " : "failed";
      console.log(`${verdict}  ${name}, ${variant.name}: ${agreed} of ${stories.length} connections`);
    }
  }
  return counts;
}
