import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { VirtualClock } from "@trunkline/base/testing";
import { expect, test } from "vitest";
import { EventReader } from "../page/logic/messages.ts";
import { Feed } from "../src/feed.js";
import { PageStream } from "../src/page-stream.js";
import { FakeRouter, settled, streamOf } from "./support/fake-router.js";

/** A response whose reader takes everything, until it is told to stop. */
class FakeResponse extends EventEmitter {
  readonly #events = new EventReader();
  readonly messages: Record<string, unknown>[] = [];
  writableNeedDrain = false;
  isSlow = false;
  isEnded = false;

  writeHead(): this {
    return this;
  }

  write(text: string): boolean {
    for (const { event, data } of this.#events.take(text)) if (event === "delta") this.messages.push(JSON.parse(data));
    this.writableNeedDrain = this.isSlow;
    return !this.isSlow;
  }

  readAll(): void {
    this.isSlow = false;
    this.writableNeedDrain = false;
    this.emit("drain");
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.emit("close");
  }
}

function openPage() {
  const clock = new VirtualClock();
  const router = new FakeRouter();
  const feed = new Feed(router, (error) => {
    throw error;
  });
  const response = new FakeResponse();
  const page = new PageStream(response as unknown as ServerResponse, feed, {}, clock);
  return { clock, router, feed, response, page };
}

test("a page gets a snapshot, then what changes, and at most ten messages a second", async () => {
  const { clock, router, response } = openPage();
  await settled();
  router.tell({ snapshot: true, streams: [streamOf("a"), streamOf("b")] });
  await settled();
  clock.advance(0);
  expect(response.messages.at(-1)).toMatchObject({ streams: [{ id: "a" }, { id: "b" }] });
  const before = response.messages.length;
  for (let step = 0; step < 100; step += 1) {
    router.tell({ streams: [streamOf("a", { bytesToDialler: step })] });
    await settled();
    clock.advance(10);
  }
  const count = response.messages.length - before;
  expect(count).toBeGreaterThanOrEqual(9);
  expect(count).toBeLessThanOrEqual(11);
});

test("a page that does not read loses intermediate states only", async () => {
  const { clock, router, response } = openPage();
  await settled();
  response.isSlow = true;
  router.tell({ snapshot: true, streams: [streamOf("a"), streamOf("b")] });
  await settled();
  clock.advance(100);
  expect(response.messages).toHaveLength(1);
  for (let step = 1; step <= 50; step += 1) {
    router.tell({ streams: [streamOf("a", { bytesToDialler: step })] });
    await settled();
  }
  router.tell({ streamsGone: ["b"] });
  await settled();
  clock.advance(1_000);
  expect(response.messages).toHaveLength(1);
  response.readAll();
  clock.advance(200);
  expect(response.messages).toHaveLength(2);
  expect(response.messages[1]).toMatchObject({ streams: [{ id: "a", bytesToDialler: 50 }], streamsGone: ["b"] });
});

test("a page that reads nothing for a minute is given up, and nothing is left", async () => {
  const { clock, router, feed, response } = openPage();
  await settled();
  response.isSlow = true;
  router.tell({ snapshot: true, streams: [streamOf("a")] });
  await settled();
  clock.advance(59_000);
  expect(response.isEnded).toBe(false);
  clock.advance(2_000);
  expect(response.isEnded).toBe(true);
  feed[Symbol.dispose]();
  await settled();
  expect(router.watches.size).toBe(0);
  expect(clock.pending).toBe(0);
});

test("twenty thousand streams come in messages of bounded size", async () => {
  const { clock, router, response } = openPage();
  await settled();
  router.tell({ snapshot: true, streams: Array.from({ length: 20_000 }, (_, index) => streamOf(`s${index}`)) });
  await settled();
  clock.advance(1_000);
  const sizes = response.messages.map((message) => (message["streams"] as unknown[] | undefined)?.length ?? 0);
  expect(Math.max(...sizes)).toBe(2_000);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(20_000);
});

test("the router is watched closely only while a page is open", async () => {
  const { router, page } = openPage();
  await settled();
  expect([...router.watches].map(({ options }) => options.maxStreams)).toEqual([0, 20_000]);
  page[Symbol.dispose]();
  await settled();
  expect([...router.watches].map(({ options }) => options.maxStreams)).toEqual([0]);
});

test("of many events a new page gets the last thousand", async () => {
  const { clock, router, response } = openPage();
  await settled();
  const events = Array.from({ length: 1_200 }, (_, index) => ({
    atUnixMs: index,
    name: "n",
    streamId: "",
    text: "",
    fields: {},
  }));
  router.tell({ snapshot: true, events });
  await settled();
  clock.advance(1_000);
  const got = response.messages.flatMap((message) => (message["events"] as { atUnixMs: number }[] | undefined) ?? []);
  expect(got.map(({ atUnixMs }) => atUnixMs)).toEqual(events.slice(200).map(({ atUnixMs }) => atUnixMs));
});
