/** The measurements that need no second process: gzip beside zlib, items through a memory pair, bare and wrapped. */
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { compressed, counted, MetadataStream, memoryPair, progress, tap, withTimeouts } from "@trunkline/streams";
import { gzip } from "@trunkline/streams/node";

/** Bytes that gzip makes about a third of: words from a small vocabulary, the same in every run. */
const text = (() => {
  const bytes = new Uint8Array(1 << 20);
  let state = 1;
  for (let index = 0; index < bytes.length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = index % 7 === 0 ? 32 : 97 + ((state >>> 16) % 12);
  }
  return bytes;
})();

/** @param {number} megabytes @returns {Uint8Array[]} */
function chunks(megabytes) {
  return Array.from({ length: megabytes * 16 }, (_, index) =>
    text.subarray((index % 16) * 65_536, (index % 16) * 65_536 + 65_536),
  );
}

/** MB/s of zlib alone. @param {number} megabytes */
export async function zlibAlone(megabytes) {
  const begin = performance.now();
  const sink = new Writable({
    write(_chunk, _encoding, callback) {
      callback();
    },
  });
  await pipeline(Readable.from(chunks(megabytes)), createGzip(), sink);
  return (megabytes * 65_536 * 16) / 1e3 / (performance.now() - begin);
}

/** MB/s of our wrapper, the same bytes. @param {number} megabytes */
export async function gzipWrapped(megabytes) {
  const [from, to] = memoryPair();
  const stream = compressed(from, { send: gzip() });
  const begin = performance.now();
  const reading = (async () => {
    for await (const _ of to);
  })();
  for (const chunk of chunks(megabytes)) await stream.send(chunk);
  await stream.sendEof();
  await reading;
  const rate = (megabytes * 65_536 * 16) / 1e3 / (performance.now() - begin);
  stream.abort();
  return rate;
}

/**
 * @type {Record<string, (stream: import("@trunkline/streams").ObjectStream<Uint8Array>) =>
 * import("@trunkline/streams").ObjectStream<Uint8Array>>}
 */
export const wrappers = {
  bare: (stream) => stream,
  MetadataStream: (stream) => new MetadataStream(stream, {}),
  progress: (stream) => progress(stream, { onProgress() {} }),
  tap: (stream) => tap(stream, { onSend() {} }),
  counted: (stream) => counted(stream),
  withTimeouts: (stream) => withTimeouts(stream, { idleTimeoutMs: 60_000 }),
};

const realTime = {
  nowMs: () => performance.now(),
  at: (/** @type {number} */ atMs, /** @type {() => void} */ callback) => {
    const timer = setTimeout(callback, Math.max(0, atMs - performance.now()));
    return () => clearTimeout(timer);
  },
};

/** Items a second through a memory pair whose both ends are wrapped. @param {string} name @param {number} items */
export async function itemsPerSecond(name, items) {
  const wrap = wrappers[name] ?? ((stream) => stream);
  const [one, other] = memoryPair({ clock: realTime });
  const [from, to] = [wrap(one), wrap(other)];
  const item = new Uint8Array(16);
  const begin = performance.now();
  const reading = (async () => {
    for (let count = 0; count < items; count++) await to.receive();
  })();
  for (let count = 0; count < items; count++) await from.send(item);
  await reading;
  const rate = (items * 1_000) / (performance.now() - begin);
  from.abort();
  return rate;
}
