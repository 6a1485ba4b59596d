import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { type EndingSignal, Interrupted, interruptible, type SignalSource } from "../src/interruption.js";

class FakeProcess extends EventEmitter implements SignalSource {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

function setup(): {
  source: FakeProcess;
  reader: AbortController;
  time: { now: number };
  interruption: ReturnType<typeof interruptible>;
} {
  const source = new FakeProcess();
  const reader = new AbortController();
  const time = { now: 0 };
  return { source, reader, time, interruption: interruptible(source, reader.signal, () => time.now) };
}

describe("an ending signal", () => {
  test.each<[EndingSignal, number]>([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ])("%s asks for an end in order the first time, and ends at once with %d the second time", (signal, code) => {
    const { source, time, interruption } = setup();
    source.emit(signal, signal);
    expect(interruption.signal.reason).toEqual(new Interrupted(signal));
    expect(source.exits).toEqual([]);
    time.now = 1_000;
    source.emit(signal, signal);
    expect(source.exits).toEqual([code]);
  });

  test("the same Ctrl-C delivered twice counts once", () => {
    const { source, time } = setup();
    source.emit("SIGINT", "SIGINT");
    time.now = 100;
    source.emit("SIGINT", "SIGINT");
    expect(source.exits).toEqual([]);
  });

  test("after the command's end, signals are the system's again", () => {
    const { source, interruption } = setup();
    interruption.stop();
    expect(source.eventNames()).toEqual([]);
  });
});

test("a reader of the output that has gone asks for an end in order, and a signal after it is still the first", () => {
  const { source, reader, interruption } = setup();
  reader.abort(new Interrupted("EPIPE"));
  expect(interruption.signal.reason).toEqual(new Interrupted("EPIPE"));
  source.emit("SIGTERM", "SIGTERM");
  expect(source.exits).toEqual([]);
});
