import { memoryPair } from "@trunkline/streams";
import { expect, test } from "vitest";
import { StandardStreams } from "../../src/expose/standard-streams.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("standard streams serve one connection at a time, and no byte is lost between two of them", async () => {
  const [mine, user] = memoryPair<Uint8Array>();
  const finished: unknown[] = [];
  const streams = new StandardStreams((failure) => finished.push(failure), mine, mine);
  const first = streams.take();
  expect(() => streams.take()).toThrow("standard input and output have a connection, and take one at a time");
  const waiting = first.receive();
  first.abort(new Error("the dialler has gone"));
  await expect(waiting).rejects.toThrow("the stream was aborted");
  await expect(first.send(bytes("late"))).rejects.toThrow("the stream was aborted");
  await user.send(bytes("for the next one"));
  const second = streams.take();
  expect(await second.receive()).toEqual(bytes("for the next one"));
  await second.send(bytes("taken"));
  await second.sendEof();
  expect(await user.receive()).toEqual(bytes("taken"));
  expect(finished).toEqual([]);
  await user.sendEof();
  expect(await second.receive()).toBeUndefined();
  await second.close();
  expect(finished).toEqual([undefined]);
});

test("a connection that breaks after the end of the input is told as a failure", async () => {
  const [mine, user] = memoryPair<Uint8Array>();
  const finished: unknown[] = [];
  const stream = new StandardStreams((failure) => finished.push(failure), mine, mine).take();
  await user.sendEof();
  expect(await stream.receive()).toBeUndefined();
  const gone = new Error("the dialler has gone");
  stream.abort(gone);
  stream.abort(new Error("again"));
  expect(finished).toEqual([gone]);
});
