import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { BrokenStreamError, copy, memoryPair, streamFromIterable, totalBytes } from "../../src/index.js";
import {
  requestBody,
  streamFromReadable,
  streamFromResponse,
  streamFromWeb,
  toReadable,
  toWeb,
  toWritable,
} from "../../src/web/index.js";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("web streams", () => {
  test("a stream goes through pipeThrough and back", async () => {
    const [near, far] = memoryPair<Uint8Array>();
    const { readable, writable } = toWeb(far);
    const echoed = readable
      .pipeThrough(new CompressionStream("gzip"))
      .pipeThrough(new DecompressionStream("gzip"))
      .pipeTo(writable);
    await near.send(bytes("there and back"));
    await near.sendEof();
    expect(text((await near.receive()) as Uint8Array)).toBe("there and back");
    expect(await near.receive()).toBeUndefined();
    await echoed;
  });

  test("an error of the readable is the cause of a break, which is noticed at once", async () => {
    const cause = new Error("source failed");
    let fail = (): void => {};
    const readable = new ReadableStream<Uint8Array>({
      start(controller) {
        fail = () => controller.error(cause);
      },
    });
    const stream = streamFromReadable(readable);
    fail();
    await Promise.resolve();
    await expect(stream.receive()).rejects.toMatchObject({ name: "BrokenStreamError", cause });
    expect(stream.brokenSignal?.aborted).toBe(true);
  });

  test("one that is locked is refused", () => {
    const { readable, writable } = new TransformStream();
    readable.getReader();
    expect(() => streamFromWeb({ readable, writable })).toThrow(TypeError);
  });

  test("one that only receives and one that only sends reach their end", async () => {
    const [a, b] = memoryPair<Uint8Array>();
    const writer = toWritable(a).getWriter();
    await writer.write(bytes("x"));
    const received: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of toReadable(b)) received.push(chunk);
    })();
    await writer.close();
    await reading;
    expect(received.map(text)).toEqual(["x"]);
  });

  test("cancelling a readable aborts the stream with its reason", async () => {
    const [near, far] = memoryPair<Uint8Array>();
    await toReadable(far).cancel(new Error("enough"));
    await expect(near.receive()).rejects.toMatchObject({ cause: { message: "enough" } });
  });

  test("aborting a writable while a write waits aborts the stream at once", async () => {
    const [near, far] = memoryPair<Uint8Array>({ maxBufferedItems: 1 });
    const writer = toWritable(far).getWriter();
    await writer.write(bytes("fits"));
    const waits = writer.write(bytes("waits")).catch((error: unknown) => error);
    const aborting = writer.abort(new Error("enough")).catch(() => {});
    expect(await waits).toBeInstanceOf(Error);
    await aborting;
    await expect(near.receive()).rejects.toMatchObject({ cause: { message: "enough" } });
  });
});

describe("bodies of fetch", () => {
  test("a response's body is a stream with its total, and a stream is a request's body", async () => {
    const server = createServer((request, response) => {
      const length = request.headers["x-length"];
      if (length !== undefined) response.setHeader("content-length", String(length));
      request.pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const response = await fetch(url, {
        method: "POST",
        headers: { "x-length": "6" },
        ...requestBody(streamFromIterable([bytes("one"), bytes("two")])),
      });
      const stream = streamFromResponse(response);
      expect(stream.extra(totalBytes)).toBe(6);
      let body = "";
      for await (const chunk of stream) body += text(chunk);
      expect(body).toBe("onetwo");
      expect(() => streamFromResponse(response)).toThrow(TypeError);

      const failing = fetch(url, {
        method: "POST",
        ...requestBody(
          streamFromIterable(
            (function* () {
              yield bytes("one");
              throw new Error("no more");
            })(),
          ),
        ),
      }).then((answer) => answer.text());
      await expect(failing).rejects.toBeInstanceOf(Error);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test.each([
    ["fewer bytes than its content-length", "5"],
    ["more bytes than its content-length", "3"],
  ])("a body of %s is broken, not ended", async (_, length) => {
    const stream = streamFromResponse(new Response("four", { headers: { "content-length": length } }));
    const reading = (async () => {
      for await (const _ of stream);
    })();
    await expect(reading).rejects.toMatchObject({ code: "CONTENT_LENGTH_MISMATCH" });
    await expect(reading).rejects.toBeInstanceOf(BrokenStreamError);
  });

  test("the length of an encoded body says nothing about the decoded one, and no body is an end", async () => {
    const encoded = streamFromResponse(
      new Response("four", { headers: { "content-length": "999", "content-encoding": "gzip" } }),
    );
    expect(encoded.extra(totalBytes)).toBeUndefined();
    expect(text((await encoded.receive()) as Uint8Array)).toBe("four");
    expect(await encoded.receive()).toBeUndefined();
    expect(
      await streamFromResponse(new Response(null, { headers: { "content-length": "9" } })).receive(),
    ).toBeUndefined();
  });
});

describe("iterables", () => {
  test("arrays and generators are streams, and streams are iterables", async () => {
    const [to, from] = memoryPair<number>();
    const copying = copy(streamFromIterable([1, 2, 3]), to);
    const got: number[] = [];
    for await (const number of from) got.push(number);
    expect(got).toEqual([1, 2, 3]);
    expect(await copying).toEqual({ items: 3, bytes: 0 });
  });

  test("leaving ends the iteration as break would, whatever is under way", async () => {
    const steps: string[] = [];
    async function* numbers() {
      try {
        for (let number = 0; ; number++) yield number;
      } finally {
        steps.push("left");
      }
    }
    for (const leave of ["close", "abort"] as const) {
      const stream = streamFromIterable(numbers());
      expect(await stream.receive()).toBe(0);
      await stream[leave]();
      await expect(stream.receive()).rejects.toMatchObject({ code: "CLOSED_STREAM" });
    }
    await Promise.resolve();
    expect(steps).toEqual(["left", "left"]);
  });

  test("what the iterator throws is the cause of a break", async () => {
    const cause = new Error("no more");
    const stream = streamFromIterable(
      (function* (): Generator<number> {
        yield 1;
        throw cause;
      })(),
    );
    expect(await stream.receive()).toBe(1);
    await expect(stream.receive()).rejects.toMatchObject({ name: "BrokenStreamError", cause });
    await expect(stream.receive()).rejects.toMatchObject({ cause });
  });
});

test.each([undefined, null])(
  "a web readable that gives %s breaks the stream instead of ending it silently",
  async (chunk) => {
    const stream = streamFromReadable(
      new ReadableStream<string>({
        start(controller) {
          controller.enqueue("a");
          controller.enqueue(chunk as never);
          controller.enqueue("b");
          controller.close();
        },
      }),
    );
    expect(await stream.receive()).toBe("a");
    await expect(stream.receive()).rejects.toThrow(`the readable has given ${chunk}`);
  },
);
