/** Options that no function knows: TypeScript refuses them in a literal, every function refuses them at run time. */
import { spawn } from "node:child_process";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { failureOf } from "../../../base/test/support/failure-of.js";
import * as streams from "../../src/index.js";
import * as node from "../../src/node/index.js";
import { VirtualClock } from "../../src/testing/index.js";
import type { WebSocketLike } from "../../src/web/index.js";
import * as web from "../../src/web/index.js";

const clock = new VirtualClock();
const pair = (): streams.ObjectStream<Uint8Array> => streams.memoryPair<Uint8Array>({ clock })[0];
const webPair = (): TransformStream => new TransformStream();
const unknown = { timeoutMss: 5 } as object as never;

/** Each function with its options, which are of no use here except that one of them is not known. */
const calls: Readonly<Record<string, () => unknown>> = {
  bzip2: () => streams.bzip2(unknown),
  compressed: () => streams.compressed(pair(), unknown),
  copy: () => streams.copy(pair(), pair(), unknown),
  counted: () => streams.counted(pair(), unknown),
  enveloped: () => streams.enveloped(pair(), unknown),
  forward: () => streams.forward(pair(), pair(), unknown),
  lengthPrefixed: () => streams.lengthPrefixed(pair(), unknown),
  lines: () => streams.lines(pair(), unknown),
  memoryPair: () => streams.memoryPair(unknown),
  progress: () => streams.progress(pair(), unknown),
  rateLimited: () => streams.rateLimited(pair(), unknown),
  streamFromIterable: () => streams.streamFromIterable([], unknown),
  withTimeouts: () => streams.withTimeouts(pair(), unknown),
  brotli: () => node.brotli(unknown),
  deflate: () => node.deflate(unknown),
  gzip: () => node.gzip(unknown),
  xz: () => node.xz(unknown),
  zstd: () => node.zstd(unknown),
  connectTcp: () => node.connectTcp({ host: "127.0.0.1", port: 1 }, unknown),
  connectTls: () => node.connectTls({ host: "127.0.0.1", port: 1 }, unknown),
  connectUnix: () => node.connectUnix("/nonexistent", unknown),
  listenTcp: () => node.listenTcp(unknown),
  listenTls: () => node.listenTls(unknown),
  listenUnix: () => node.listenUnix("/nonexistent/x.sock", unknown),
  stdio: () => node.stdio(unknown),
  streamFromChildProcess() {
    const child = spawn(process.execPath, ["--version"]);
    return node.streamFromChildProcess(child, unknown);
  },
  streamFromDuplex: () => node.streamFromDuplex(new PassThrough(), unknown),
  streamFromFile: () => node.streamFromFile("/nonexistent", unknown),
  "streamFromReadable of node": () => node.streamFromReadable(new PassThrough(), unknown),
  "streamFromWritable of node": () => node.streamFromWritable(new PassThrough(), unknown),
  streamToFile: () => node.streamToFile("/nonexistent/x", unknown),
  text: () => node.text(pair(), unknown),
  "streamFromReadable of web": () => web.streamFromReadable(webPair().readable, unknown),
  streamFromResponse: () => web.streamFromResponse(new Response("x"), unknown),
  streamFromWeb: () => web.streamFromWeb(webPair(), unknown),
  "streamFromWritable of web": () => web.streamFromWritable(webPair().writable, unknown),
  "send of a carrier": () => pair().send(Uint8Array.of(1), unknown),
  "send of an envelope": () => streams.enveloped(pair()).send(Uint8Array.of(1), unknown),
  "send of a rate limit": () => streams.rateLimited(pair(), {}).send(Uint8Array.of(1), unknown),
  "send of a compressed stream": () => streams.compressed(pair(), {}).send(Uint8Array.of(1), unknown),
  "receive of a carrier": () => pair().receive(unknown),
  "receive of a framed stream": () => streams.lines(pair()).receive(unknown),
  "sendEof of a carrier": () => pair().sendEof(unknown),
  "close of a carrier": () => pair().close(unknown),
};

describe("an unknown option is refused by its name, with the known ones, by", () => {
  test.each(Object.entries(calls))("%s", async (name, call) => {
    const error = await failureOf(call);
    expect(error).toBeInstanceOf(TypeError);
    const owner = name.split(" ")[0];
    expect((error as Error).message).toMatch(new RegExp(`^${owner} has no option "timeoutMss": it knows \\w+`));
  });

  test("streamFromWebSocket", () => {
    const socket = { readyState: 1 } as WebSocketLike;
    expect(() => web.streamFromWebSocket(socket, unknown)).toThrow(
      'streamFromWebSocket has no option "timeoutMss": it knows attributes, clock, endCodes, inBand, maxBufferedBytes',
    );
  });

  test("every function of the three entries that takes options: none is missing here", () => {
    const untested = ["buffered", "stapled", "tap", "attribute", "sharedAttribute", "describeProgress"];
    const known = new Set([...Object.keys(calls).map((name) => name.split(" ")[0]), "streamFromWebSocket"]);
    const named = [streams, node, web].flatMap((entry) =>
      Object.entries(entry).flatMap(([name, value]) =>
        typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value)) ? [name] : [],
      ),
    );
    const withoutOptions = ["codecNamed", "detectable", "temporarySocketPath", "toDuplex", "toReadable", "toWeb"];
    const others = ["toWritable", "requestBody", "receiveStream", "sendStream", "systemClock"];
    expect(
      named.filter((name) => !known.has(name) && ![...untested, ...withoutOptions, ...others].includes(name)),
    ).toEqual([]);
  });
});

test("a value that an option cannot have is refused with those that it can", async () => {
  expect(() => node.text(pair(), { invalid: "ignore" as never })).toThrow(
    'invalid must be "error" or "replace", not "ignore"',
  );
  await expect(node.streamToFile("/nonexistent/x", { existing: "overwrite" as never })).rejects.toThrow(
    'existing must be "replace", "refuse" or "append", not "overwrite"',
  );
  const socket = { readyState: 1 } as WebSocketLike;
  expect(() => web.streamFromWebSocket(socket, { type: "blob" as never })).toThrow(
    'type must be "binary" or "text", not "blob"',
  );
});
