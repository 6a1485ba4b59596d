import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { disposeLabs, MixedLab } from "../support/lab.js";
import { publishCommand } from "../support/process-run.js";
import { startService } from "../support/services.js";

beforeAll(publishCommand, 120_000);
afterAll(disposeLabs);

describe.concurrent("expose NAME stdio:", () => {
  test("gives standard input to one connection at a time, and ends when that has all of it", async () => {
    await using lab = new MixedLab("expose", "connect");
    await lab.router();
    const text = "all of it\n".repeat(50_000);
    const expose = lab.run(["expose", "backup", "stdio:"], {}, text);
    const taker = lab.run(["connect", "backup", "--stdio", "--wait", "60s"], {}, "thanks");
    expect(await taker.exit).toBe(0);
    expect(taker.stdout).toBe(text);
    expect(await expose.exit).toBe(0);
    expect(expose.stdout).toBe("thanks");
    expect(expose.stderr).toContain('exposing stdio: as "backup"');
    const json = lab.run(["expose", "backup", "stdio:", "--json"]);
    expect(await json.exit).toBe(64);
  });
});

describe.concurrent("connect --stdio", () => {
  test("carries standard input to the target and its answer to standard output, and ends with both", async () => {
    await using lab = new MixedLab("connect");
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const expose = await lab.expose("echo", service.target);
    const text = "all of it\n".repeat(100_000);
    const run = lab.run(["connect", "echo", "--stdio"], {}, text);
    expect(await run.exit).toBe(0);
    expect(run.stdout).toBe(text);
    expect(run.stderr).toBe("");
    // The command ends only when the other side knows that it has everything.
    expect(await expose.event("connection-closed")).not.toHaveProperty("error");
  });

  test("ends with 74 where the target resets, after what it has sent", async () => {
    await using lab = new MixedLab("connect");
    await using service = await startService((socket) => {
      socket.write("half of", () => socket.once("data", () => socket.resetAndDestroy()));
    });
    await lab.router();
    await lab.expose("broken", service.target);
    const run = lab.run(["connect", "broken", "--stdio"], {}, "go on");
    expect(await run.exit).toBe(74);
    expect(run.stdout).toMatch(/^(half of)?$/);
    expect(run.errorLines).toHaveLength(1);
    expect(run.stderr).toContain('the connection to "broken" broke');
  });

  test("waits for a name that is not exposed, and then ends with 68", async () => {
    await using lab = new MixedLab("connect");
    await lab.router();
    const run = lab.run(["connect", "nothing", "--stdio", "--wait", "0"]);
    expect(await run.exit).toBe(68);
    expect(run.stderr).toContain('"nothing" is not exposed');
    const json = lab.run(["connect", "nothing", "--stdio", "--json"]);
    expect(await json.exit).toBe(64);
  });
});
