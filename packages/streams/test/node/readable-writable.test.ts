import { PassThrough, pipeline, Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import { describe, expect, test } from "vitest";
import { memoryPair, stapled } from "../../src/index.js";
import { streamFromReadable, streamFromWritable, toReadable, toWritable } from "../../src/node/index.js";
import { small, suite } from "../support/suite.js";
import { turns } from "../support/turns.js";

describe("compliance of Node readables and writables", () => {
  suite({
    ...small,
    keepsBoundaries: false,
    settle: () => turns(5),
    connect(clock) {
      const there = new PassThrough();
      const back = new PassThrough();
      return {
        first: stapled(streamFromReadable(back, { clock }), streamFromWritable(there, { clock })),
        second: stapled(streamFromReadable(there, { clock }), streamFromWritable(back, { clock })),
      };
    },
  });
});

describe("a Node readable", () => {
  test("that fails is a break after what came before, and is noticed at once", async () => {
    const readable = new PassThrough();
    const stream = streamFromReadable(readable);
    readable.write("x");
    await turns(2);
    readable.destroy(new Error("pulled out"));
    await turns(2);
    expect(stream.brokenSignal?.aborted).toBe(true);
    expect(await stream.receive()).toHaveLength(1);
    await expect(stream.receive()).rejects.toMatchObject({
      name: "BrokenStreamError",
      cause: { message: "pulled out" },
    });
  });

  test("that is closed before its end, or was destroyed before, is broken", async () => {
    const readable = new PassThrough();
    const stream = streamFromReadable(readable);
    readable.destroy();
    await expect(stream.receive()).rejects.toMatchObject({ code: "PREMATURE_CLOSE" });
    await expect(streamFromReadable(readable).receive()).rejects.toMatchObject({ code: "PREMATURE_CLOSE" });
  });

  test("that has ended already is at its end", async () => {
    const readable = new PassThrough();
    readable.end();
    readable.resume();
    await turns(3);
    expect(await streamFromReadable(readable).receive()).toBeUndefined();
  });

  test("of objects is refused", () => {
    expect(() => streamFromReadable(Readable.from(["a"]))).toThrow("object mode");
    expect(() => streamFromReadable(new PassThrough(), { maxBufferedBytes: 0 })).toThrow(
      "maxBufferedBytes must be a number from 1 on, not 0",
    );
  });
});

describe("a Node writable", () => {
  test("that fails breaks the stream", async () => {
    const stream = streamFromWritable(
      new Writable({
        write(_chunk, _encoding, callback) {
          callback(new Error("disk full"));
        },
      }),
    );
    await stream.send(new Uint8Array(1));
    await turns(2);
    await expect(stream.send(new Uint8Array(1))).rejects.toMatchObject({ cause: { message: "disk full" } });
    await expect(stream.sendEof()).rejects.toMatchObject({ name: "BrokenStreamError" });
    await expect(streamFromWritable(new Writable().destroy()).sendEof()).rejects.toMatchObject({
      code: "PREMATURE_CLOSE",
    });
  });

  test("that fails at its end rejects sendEof", async () => {
    const stream = streamFromWritable(
      new Writable({
        write(_chunk, _encoding, callback) {
          callback();
        },
        final(callback) {
          callback(new Error("flush failed"));
        },
      }),
    );
    await stream.send(new Uint8Array(1));
    await expect(stream.sendEof()).rejects.toMatchObject({ cause: { message: "flush failed" } });
  });
});

describe("our streams as Node's", () => {
  test("go through a pipeline", async () => {
    const [a, b] = memoryPair<Uint8Array>();
    const [c, d] = memoryPair<Uint8Array>();
    const done = promisify(pipeline)(toReadable(b), createGzip(), toWritable(c));
    await a.send(new Uint8Array(0));
    await a.send(new Uint8Array(100));
    await a.sendEof();
    expect([...((await d.receive()) as Uint8Array).subarray(0, 2)]).toEqual([0x1f, 0x8b]);
    while ((await d.receive()) !== undefined);
    await done;
  });

  test("a break is an error event, and destroying them early aborts the stream", async () => {
    const [a, b] = memoryPair<Uint8Array>();
    a.abort(new Error("gone"));
    await expect(promisify(pipeline)(toReadable(b), new PassThrough())).rejects.toMatchObject({
      cause: { message: "gone" },
    });
    for (const to of [toReadable, toWritable]) {
      const [near, far] = memoryPair<Uint8Array>();
      to(far).destroy();
      await expect(near.receive()).rejects.toMatchObject({ name: "BrokenStreamError" });
    }
  });
});
