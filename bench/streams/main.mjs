/**
 * The benchmarks of @trunkline/streams: `npm run bench:streams [-- --quick] [-- --write]`. Each pair takes turns (A B,
 * A B …); values are medians, a ratio is the median of the ratios within each round, because a machine drifts more
 * between rounds than within one. A Markdown table on stdout; `--write` puts it into bench/RESULTS.md too.
 */
import { parseArgs } from "node:util";
import { writeStreams } from "../lib/results-file.mjs";
import { median } from "../lib/statistics.mjs";
import { relayed } from "./forward.mjs";
import { framed } from "./framing.mjs";
import { gzipWrapped, itemsPerSecond, wrappers, zlibAlone } from "./in-process.mjs";

const { quick, write } = parseArgs({
  options: { quick: { type: "boolean", default: false }, write: { type: "boolean", default: false } },
}).values;
const rounds = quick ? 1 : 7;
const megabytes = quick ? 200 : 2_000;
const items = quick ? 100_000 : 1_000_000;

/**
 * Runs both in turn.
 * @template T
 * @param {() => Promise<T>} ours
 * @param {() => Promise<T>} theirs
 * @returns {Promise<[T, T][]>}
 */
async function pairs(ours, theirs) {
  /** @type {[T, T][]} */
  const results = [];
  for (let round = 0; round < rounds; round++) {
    const first = await theirs();
    results.push([await ours(), first]);
  }
  return results;
}

/** @param {string} what @param {[number, number][]} values @param {string} unit */
function row(what, values, unit) {
  const format = (/** @type {number} */ value) =>
    value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
  const ours = median(values.map(([value]) => value));
  const theirs = median(values.map(([, value]) => value));
  const ratio = median(values.map(([a, b]) => a / b)).toFixed(2);
  say(`| ${what} | ${format(ours)} ${unit} | ${format(theirs)} ${unit} | ${ratio} × |`);
}

/** @type {string[]} */
const said = [];

/** @param {string} line */
function say(line) {
  said.push(line);
  console.log(line);
}

say("| | trunkline | beside it | ratio |");
say("| --- | ---: | ---: | ---: |");
const forwarded = await pairs(
  () => relayed("forward", megabytes),
  () => relayed("pipe", megabytes),
);
row(
  "socket to socket: forward, pipe",
  forwarded.map(([a, b]) => [a.mbPerS, b.mbPerS]),
  "MB/s",
);
row(
  "the same: CPU time of the relay",
  forwarded.map(([a, b]) => [a.cpuMsPerGb, b.cpuMsPerGb]),
  "ms/GB",
);
for (const [what, messageBytes, messages] of /** @type {[string, number, number][]} */ ([
  ["messages of 100 B over a socket", 100, quick ? 50_000 : 500_000],
  ["messages of 64 KiB over a socket", 65_536, quick ? 1_000 : 10_000],
])) {
  const values = await pairs(
    () => framed("lengthPrefixed", messageBytes, messages),
    () => framed("byHand", messageBytes, messages),
  );
  row(
    `${what}: lengthPrefixed, by hand`,
    values.map(([a, b]) => [a.perSecond, b.perSecond]),
    "messages/s",
  );
  row(
    "the same: CPU time of both processes",
    values.map(([a, b]) => [(a.cpuMs * 1_000) / messages, (b.cpuMs * 1_000) / messages]),
    "µs/message",
  );
}
await zlibAlone(4);
await gzipWrapped(4);
row(
  "gzip: compressed, zlib alone",
  await pairs(
    () => gzipWrapped(quick ? 8 : 64),
    () => zlibAlone(quick ? 8 : 64),
  ),
  "MB/s",
);
for (const name of Object.keys(wrappers)) await itemsPerSecond(name, items / 10);
for (const name of Object.keys(wrappers).filter((one) => one !== "bare")) {
  row(
    `items through a memory pair: ${name} at both ends, bare`,
    await pairs(
      () => itemsPerSecond(name, items),
      () => itemsPerSecond("bare", items),
    ),
    "items/s",
  );
}
if (write) writeStreams(said.join("\n"), rounds);
process.exit();
