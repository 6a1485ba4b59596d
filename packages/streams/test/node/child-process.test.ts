import { spawn } from "node:child_process";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import { forward, memoryPair } from "../../src/index.js";
import { exitStatus, processId, stdio, streamFromChildProcess } from "../../src/node/index.js";

const std = vi.hoisted(() => ({ stdin: undefined as unknown, stdout: undefined as unknown }));
vi.mock("node:process", async (original) => {
  const actual = await original<{ default: NodeJS.Process }>();
  return {
    ...actual,
    default: Object.create(actual.default, { stdin: { get: () => std.stdin }, stdout: { get: () => std.stdout } }),
  };
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const shell = (script: string) => spawn("sh", ["-c", script], { stdio: ["pipe", "pipe", "pipe"] });

describe("a child process", () => {
  test("gets what is sent, and its output is received up to its end", async () => {
    const child = spawn("cat", { stdio: ["pipe", "pipe", "inherit"] });
    const stream = streamFromChildProcess(child);
    expect(stream.extra(processId)).toBe(child.pid);
    expect(stream.extra(exitStatus)).toBeUndefined();
    await stream.send(bytes("there and back"));
    expect(new TextDecoder().decode(await stream.receive())).toBe("there and back");
    await stream.sendEof();
    expect(await stream.receive()).toBeUndefined();
    expect(stream.extra(exitStatus)).toEqual({ code: 0, signal: null });
    await stream.close();
  });

  test("an exit code that is no success is a break after all output, with what it said on stderr", async () => {
    const stream = streamFromChildProcess(shell("echo out; echo went wrong >&2; exit 3"));
    expect(new TextDecoder().decode(await stream.receive())).toBe("out\n");
    const error = await stream.receive().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: "BrokenStreamError",
      code: "EXIT_STATUS",
      message: "the process ended with exit code 3: went wrong",
    });
    expect(stream.extra(exitStatus)).toEqual({ code: 3, signal: null });
  });

  test("unless told that it is one", async () => {
    expect(await streamFromChildProcess(shell("exit 3"), { endCodes: [0, 3] }).receive()).toBeUndefined();
    expect(await streamFromChildProcess(shell("exit 4"), { endCodes: "any" }).receive()).toBeUndefined();
  });

  test("that ends well without reading its input leaves the rest of what is sent to nobody", async () => {
    for (const afterExit of [false, true]) {
      const child = shell("echo enough");
      const stream = streamFromChildProcess(child);
      if (afterExit) await once(child, "exit");
      const sent = (async () => {
        for (let index = 0; index < 100; index += 1) await stream.send(new Uint8Array(65_536));
        await stream.sendEof();
      })();
      expect(new TextDecoder().decode(await stream.receive())).toBe("enough\n");
      expect(await stream.receive()).toBeUndefined();
      await sent;
      await stream.close();
      expect(stream.brokenSignal?.aborted).toBe(false);
    }
  });

  test("that ends badly, or goes on without its input, breaks what is sent to it", async () => {
    for (const script of ["exit 3", "exec 0<&-; exec sleep 60"]) {
      const child = shell(script);
      const stream = streamFromChildProcess(child);
      const sent = (async () => {
        for (;;) await stream.send(new Uint8Array(65_536));
      })();
      await expect(sent, script).rejects.toMatchObject({ name: "BrokenStreamError" });
      expect(stream.brokenSignal?.aborted).toBe(true);
      stream.abort();
    }
  });

  test("a signal is a break, and so is a program that is not there", async () => {
    await expect(streamFromChildProcess(shell("kill -9 $$")).receive()).rejects.toThrow(
      "the process ended with signal SIGKILL",
    );
    const missing = streamFromChildProcess(spawn("/nowhere/at-all"));
    await expect(missing.receive()).rejects.toMatchObject({ code: "SPAWN_FAILED", cause: { code: "ENOENT" } });
  });

  test("an abort kills it, and disposal without an end is one", async () => {
    const child = spawn("cat", { stdio: ["pipe", "pipe", "pipe"] });
    const stream = streamFromChildProcess(child, { killSignal: "SIGKILL" });
    const exit = once(child, "exit");
    await stream[Symbol.asyncDispose]();
    expect(await exit).toEqual([null, "SIGKILL"]);
    await expect(stream.receive()).rejects.toMatchObject({ code: "CLOSED_STREAM" });
  });

  test("much output on stderr does not stop it, and the last of it is kept", async () => {
    const stream = streamFromChildProcess(shell("head -c 300000 /dev/zero | tr '\\0' x >&2; echo last >&2; exit 1"));
    const error = (await stream.receive().catch((reason: unknown) => reason)) as Error;
    expect(error.message).toMatch(/xxxlast$/);
    expect(error.message.length).toBeLessThan(2_200);
  });

  test("a bad exit is reported though a grandchild keeps stderr open", async () => {
    const stream = streamFromChildProcess(
      shell("sleep 60 >/dev/null </dev/null & echo $! >&2; echo went wrong >&2; exit 3"),
    );
    const error = (await stream.receive().catch((reason: unknown) => reason)) as Error;
    expect(error.message).toMatch(/^the process ended with exit code 3: \d+\nwent wrong$/);
    process.kill(Number(/: (\d+)/.exec(error.message)?.[1])); // the sleep, which would have kept it waiting
  });

  test("can be forwarded, and its pipes must be pipes", async () => {
    const [near, far] = memoryPair<Uint8Array>();
    const done = forward(far, streamFromChildProcess(spawn("cat")));
    await near.send(bytes("x"));
    await near.sendEof();
    expect(await near.receive()).toHaveLength(1);
    expect(await near.receive()).toBeUndefined();
    expect(await done).toMatchObject({ endedFirst: "a", how: "end" });
    const child = spawn("true", { stdio: "ignore" });
    expect(() => streamFromChildProcess(child)).toThrow(TypeError);
    await once(child, "exit");
  });
});

test("stdio receives from stdin and sends to stdout", async () => {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  Object.assign(std, { stdin, stdout });
  const stream = stdio();
  stdin.end("in");
  expect(new TextDecoder().decode(await stream.receive())).toBe("in");
  expect(await stream.receive()).toBeUndefined();
  await stream.send(bytes("out"));
  await stream.sendEof();
  expect(String(stdout.read())).toBe("out");
});
