import { BrokenStreamError, memoryPair, type ObjectStream } from "@trunkline/streams";
import { describe, expect, test } from "vitest";
import { Connections, maxConnections } from "../src/connections.js";
import type { OutputEvent } from "../src/output.js";

type Bytes = ObjectStream<Uint8Array>;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Connections whose events can be waited for. */
function watched(): {
  connections: Connections;
  events: OutputEvent[];
  lines: string[];
  next(kind: string): Promise<OutputEvent>;
} {
  const events: OutputEvent[] = [];
  const lines: string[] = [];
  const waiting = new Map<string, (event: OutputEvent) => void>();
  const connections = new Connections((level, event, text) => {
    events.push(event);
    lines.push(`${level} ${text}`);
    waiting.get(event.event)?.(event);
  });
  const next = (kind: string): Promise<OutputEvent> => new Promise((resolve) => waiting.set(kind, resolve));
  return { connections, events, lines, next };
}

/** One connection under way: the client's end and the target's. */
function carried(connections: Connections): { client: Bytes; target: Bytes } {
  const [client, near] = memoryPair<Uint8Array>();
  const [far, target] = memoryPair<Uint8Array>();
  connections.carry(near, { name: "web", peer: "127.0.0.1:5" }, async () => far);
  return { client, target };
}

describe("a connection that is carried", () => {
  test("goes both ways with half-close, and is told of with the bytes of each", async () => {
    const { connections, events, lines, next } = watched();
    const closed = next("connection-closed");
    const { client, target } = carried(connections);
    await client.send(bytes("question"));
    await client.sendEof();
    expect(await target.receive()).toEqual(bytes("question"));
    expect(await target.receive()).toBeUndefined();
    await target.send(bytes("the answer"));
    await target.sendEof();
    expect(await client.receive()).toEqual(bytes("the answer"));
    expect(await client.receive()).toBeUndefined();
    expect(await closed).toMatchObject({
      id: 1,
      name: "web",
      peer: "127.0.0.1:5",
      bytesToTarget: 8,
      bytesFromTarget: 10,
    });
    expect(events.map(({ event }) => event)).toEqual(["connection-opened", "connection-closed"]);
    expect(events[1]).not.toHaveProperty("error");
    expect(lines[1]).toMatch(/^info connection 1 from 127.0.0.1:5 ended \(8 B to the target, 10 B from it, \d+ ms\)$/);
    expect(connections.size).toBe(0);
  });

  test("breaks on one side when the other does, and says why", async () => {
    const { connections, lines, next } = watched();
    const closed = next("connection-closed");
    const { client, target } = carried(connections);
    await target.send(bytes("half of a fi"));
    expect(await client.receive()).toEqual(bytes("half of a fi"));
    target.abort(new Error("the disk is gone"));
    await expect(client.receive()).rejects.toBeInstanceOf(BrokenStreamError);
    expect(await closed).toMatchObject({ bytesFromTarget: 12, error: expect.stringContaining("the disk is gone") });
    expect(lines.at(-1)).toMatch(/^warn connection 1 .* broke: .*the disk is gone/);
  });

  test("is aborted when the target cannot be reached", async () => {
    const { connections, next } = watched();
    const closed = next("connection-closed");
    const [client, near] = memoryPair<Uint8Array>();
    connections.carry(near, { name: "web", peer: "x" }, () =>
      Promise.reject(new Error("cannot reach the target x:1: connection refused")),
    );
    await expect(client.receive()).rejects.toBeInstanceOf(BrokenStreamError);
    expect(await closed).toMatchObject({ error: "cannot reach the target x:1: connection refused" });
  });
});

describe("the end of all connections", () => {
  test("waits for those that end in time", async () => {
    const { connections } = watched();
    const { client, target } = carried(connections);
    const ended = connections.end(60_000);
    await client.sendEof();
    await target.sendEof();
    await ended;
    expect(await client.receive()).toBeUndefined();
  });

  test("aborts those that do not, also while they still look for the target", async () => {
    const { connections } = watched();
    const { client, target } = carried(connections);
    const [waiting, near] = memoryPair<Uint8Array>();
    connections.carry(
      near,
      { name: "web", peer: "x" },
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    await connections.end(0);
    for (const stream of [client, target, waiting])
      await expect(stream.receive()).rejects.toBeInstanceOf(BrokenStreamError);
  });

  test("is immediate where there are none", async () => {
    await watched().connections.end(60_000);
  });
});

test("one connection too many is aborted, and the others do not notice", async () => {
  const { connections, next } = watched();
  const refused = next("connection-refused");
  const first = carried(connections);
  for (let n = 1; n < maxConnections; n++)
    connections.carry(memoryPair<Uint8Array>()[0], { name: "web", peer: "x" }, () => new Promise(() => {}));
  const { client } = carried(connections);
  expect(await refused).toMatchObject({ error: `${maxConnections} connections are open, and no more are taken` });
  expect(connections.counts).toMatchObject({ connections: maxConnections, refused: 1 });
  await expect(client.receive()).rejects.toBeInstanceOf(BrokenStreamError);
  await first.client.send(bytes("still here"));
  expect(await first.target.receive()).toEqual(bytes("still here"));
});
