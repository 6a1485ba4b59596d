/**
 * Streams, errors and attributes of another installed copy of the package (connect-es#544): the modules are loaded
 * twice.
 */
import { expect, test, vi } from "vitest";
import * as ours from "../../src/index.js";
import { systemClock } from "../../src/node/index.js";

async function otherCopy(): Promise<typeof ours> {
  vi.resetModules();
  return await import("../../src/index.js");
}

test("errors of another copy are recognised by instanceof", async () => {
  const theirs = await otherCopy();
  expect(theirs.BrokenStreamError).not.toBe(ours.BrokenStreamError);
  expect(new theirs.BrokenStreamError("broken")).toBeInstanceOf(ours.BrokenStreamError);
  expect(new theirs.ClosedStreamError("closed")).toBeInstanceOf(ours.ClosedStreamError);
  expect(new theirs.BusyStreamError("busy")).toBeInstanceOf(ours.BusyStreamError);
  expect(new theirs.MetadataNotCarriedError("not")).toBeInstanceOf(ours.MetadataNotCarriedError);
  expect(new theirs.ReadError("incomplete", "INCOMPLETE_READ")).toBeInstanceOf(ours.ReadError);
  expect(new theirs.ClosedStreamError("closed")).not.toBeInstanceOf(ours.BrokenStreamError);
});

test("attributes of another copy's stream are found by the keys of this one", async () => {
  const theirs = await otherCopy();
  const [stream] = theirs.memoryPair<string>({ clock: systemClock });
  expect(stream.extra(ours.streamClock)).toBe(systemClock);
  const described = new theirs.MetadataStream(stream, { board: "7" });
  expect(described.extra(ours.streamMetadata)?.get("board")).toBe("7");
});

test("a key that is not shared differs from every other one, whatever its name", () => {
  expect(ours.attribute("a")).not.toBe(ours.attribute("a"));
  expect(ours.sharedAttribute("mine", "a")).toBe(ours.sharedAttribute("mine", "a"));
  expect(ours.sharedAttribute("mine", "a")).not.toBe(ours.sharedAttribute("yours", "a"));
});

test("layers of this copy work over a stream of another one: forward, close, breaks", async () => {
  const theirs = await otherCopy();
  const [client, left] = theirs.memoryPair<Uint8Array>();
  const [right, server] = ours.memoryPair<Uint8Array>();
  const limited = ours.withTimeouts(ours.counted(left), { idleTimeoutMs: 1_000, clock: systemClock });
  const forwarding = ours.forward(limited, right);
  await client.send(Uint8Array.of(1), { metadata: { n: "1" } });
  const message = await server.receiveWithMetadata();
  expect(message?.metadata.get("n")).toBe("1");
  client.abort(new Error("cable pulled"));
  await expect(forwarding).rejects.toBeInstanceOf(ours.BrokenStreamError);
  await expect(server.receive()).rejects.toMatchObject({ code: "ABORTED", cause: new Error("cable pulled") });
});

test("a format of another copy is the one that needs no header: an empty stream is not truncated", async () => {
  const theirs = await otherCopy();
  const [first, second] = ours.memoryPair<Uint8Array>();
  await first.sendEof();
  expect(await ours.compressed(second, { receive: theirs.identity }).receive()).toBeUndefined();
});
