import { VirtualClock } from "@trunkline/base/testing";
import { describe, expect, test } from "vitest";
import { Output, type OutputOptions } from "../src/output.js";
import { FakeTerminal } from "./support/fake-terminal.js";

function outputWith(options: OutputOptions): { output: Output; stdout: FakeTerminal; stderr: FakeTerminal } {
  const stdout = new FakeTerminal();
  const stderr = new FakeTerminal();
  return { output: new Output(options, stdout.asTerminal(), stderr.asTerminal()), stdout, stderr };
}

const listening = { event: "listening", address: "127.0.0.1:8080" };

describe("output as text", () => {
  test("stdout has results only, stderr the log from info on", () => {
    const { output, stdout, stderr } = outputWith({ json: false });
    output.result(listening, "listening on 127.0.0.1:8080");
    output.note("debug", { event: "connection-opened" }, "opened");
    output.note("info", { event: "connection-closed" }, "ended");
    output.note("warn", { event: "connection-closed" }, "broke");
    expect(stdout.written).toBe("listening on 127.0.0.1:8080\n");
    expect(stderr.lines).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d ended$/),
      expect.stringMatching(/^\d\d:\d\d:\d\d warn: broke$/),
    ]);
  });

  test("a failure is one line on stderr, also when the log is silent", () => {
    const { output, stdout, stderr } = outputWith({ json: false, logLevel: "silent" });
    output.note("error", { event: "x" }, "not shown");
    output.failure("cannot listen on 127.0.0.1:80: permission denied", 73);
    expect(stderr.written).toBe("trunkline: cannot listen on 127.0.0.1:80: permission denied\n");
    expect(stdout.written).toBe("");
  });

  test("what is logged with fields keeps them on the same line", () => {
    const { output, stderr } = outputWith({ json: false, logLevel: "debug" });
    output.debug(new Error("deep\ndown"), "why");
    expect(stderr.lines).toHaveLength(1);
    expect(stderr.written).toContain('debug: why: "Error: deep\\ndown\\n');
  });
});

describe("a line that can be caused again and again", () => {
  test("is written once in 10 s, then with the number of those left out; its events are all there", () => {
    const clock = new VirtualClock();
    const { output, stdout, stderr } = outputWith({ json: true, clock });
    const refuse = (text: string) =>
      output.note("warn", { event: "connection-refused", error: text }, text, { repeated: true });
    const messages = () => stderr.lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    for (let count = 0; count < 278; count++) refuse("too many");
    output.note("warn", { event: "router-lost" }, "another kind", { repeated: true });
    expect(messages()).toEqual(["too many", "another kind"]);
    clock.advance(10_000);
    expect(messages()).toEqual(["too many", "another kind", "connection-refused: 277 more like it within 10.0 s"]);
    expect(stdout.lines).toHaveLength(279);
    refuse("and again");
    expect(messages().at(-1)).toBe("and again");
    expect(clock.pending).toBe(1);
  });

  test("has its number written at the end of the command, too", async () => {
    const clock = new VirtualClock();
    const { output, stderr } = outputWith({ json: false, clock });
    for (const text of ["first", "second", "third"])
      output.note("warn", { event: "listen-error" }, text, { repeated: true });
    await output.flush();
    expect(stderr.lines).toEqual([
      expect.stringMatching(/warn: first$/),
      expect.stringMatching(/warn: listen-error: 2 more like it within 10.0 s$/),
    ]);
    expect(clock.pending).toBe(0);
  });
});

describe("output as JSON", () => {
  test("every event is one object a line on stdout, with its kind first and a time", () => {
    const { output, stdout, stderr } = outputWith({ json: true });
    output.result(listening, "listening on 127.0.0.1:8080");
    output.note("info", { event: "connection-closed", bytesToTarget: 5, text: "two\nlines" }, "ended");
    const events = stdout.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toMatchObject([listening, { event: "connection-closed", bytesToTarget: 5, text: "two\nlines" }]);
    expect(stdout.lines[0]).toMatch(/^\{"event":"listening","time":"\d{4}-\d\d-\d\dT[\d:.]+Z",/);
    expect(stderr.written).toBe("");
  });

  test("warnings are JSON on stderr too", () => {
    const { output, stderr } = outputWith({ json: true });
    output.note("warn", { event: "router-lost" }, "lost");
    expect(stderr.lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ level: "warn", msg: "lost" }]);
  });

  test("a failure is an event on stdout and one line of JSON on stderr", () => {
    const { output, stdout, stderr } = outputWith({ json: true });
    output.failure("it is not exposed", 68);
    expect(stdout.lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { event: "error", message: "it is not exposed", exitCode: 68 },
    ]);
    expect(stderr.lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: "fatal", msg: "it is not exposed", exitCode: 68 },
    ]);
  });
});

describe("output without a reader", () => {
  test("a closed stdout is told by a signal, not by an error that ends the process", async () => {
    const { output, stdout } = outputWith({ json: false });
    stdout.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write" }));
    await new Promise((resolve) => output.outputLost.addEventListener("abort", resolve));
    output.result(listening, "into the void");
    await output.flush();
  });

  test("a stdout on a full disk is a failure for the user, and no reader that has gone", async () => {
    const { output, stdout } = outputWith({ json: false });
    stdout.destroy(Object.assign(new Error("write ENOSPC"), { code: "ENOSPC", syscall: "write" }));
    await new Promise((resolve) => output.outputLost.addEventListener("abort", resolve));
    expect(output.outputLost.reason).toMatchObject({
      message: "cannot write to stdout: the disk is full",
      exitCode: 74,
    });
  });

  test("a stdout that a broken stream has destroyed has not lost its reader", async () => {
    const { output, stdout } = outputWith({ json: false });
    const failed = new Promise((resolve) => stdout.once("error", resolve));
    stdout.destroy(new Error("the stream broke"));
    await failed;
    expect(output.outputLost.aborted).toBe(false);
  });

  test("a closed stderr changes nothing", async () => {
    const { output, stdout, stderr } = outputWith({ json: false });
    stderr.destroy(new Error("write EPIPE"));
    output.note("info", { event: "x" }, "into the void");
    output.result(listening, "still here");
    await output.flush();
    expect(output.outputLost.aborted).toBe(false);
    expect(stdout.written).toBe("still here\n");
  });
});

test("a bar is for terminals that take text", () => {
  const terminal = new FakeTerminal(true).asTerminal();
  const file = new FakeTerminal(false).asTerminal();
  expect(new Output({ json: false }, terminal, file).interactive).toBe(true);
  expect(new Output({ json: true }, terminal, file).interactive).toBe(false);
  expect(new Output({ json: false }, file, terminal).interactive).toBe(false);
  expect(new Output({ json: false, canDraw: false }, terminal, file).interactive).toBe(false);
});
