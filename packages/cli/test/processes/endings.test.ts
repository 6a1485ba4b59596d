import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { disposeLabs, MixedLab, ProcessLab } from "../support/lab.js";
import { type ProcessRun, publishCommand } from "../support/process-run.js";
import type { Run } from "../support/run.js";
import { Client, startService } from "../support/services.js";

beforeAll(publishCommand, 120_000);
afterAll(disposeLabs);

describe.concurrent("an end in order", () => {
  test("every command ends with 0 on a signal, saying nothing", async () => {
    await using lab = new ProcessLab();
    await using service = await startService();
    const { router } = await lab.router();
    const expose = await lab.expose("web", service.target);
    const { connect, port } = await lab.connect("web");
    for (const [run, signal] of [
      [connect, "SIGINT"],
      [expose, "SIGTERM"],
      [router, "SIGTERM"],
    ] as const) {
      expect(await run.end(signal)).toBe(0);
      expect(run.stderr).toBe("");
    }
    expect(await new Client(port).over).toBe("ECONNREFUSED");
    expect(readdirSync(`${lab.folder}/trunkline`)).toEqual([]);
  });

  test("open connections may finish within --grace", async () => {
    await using lab = new MixedLab("connect");
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await lab.expose("echo", service.target);
    const connect = lab.start("connect", "echo", "--listen", "0", "--grace", "1h");
    const client = new Client((await connect.event("listening"))["port"] as number);
    client.socket.write("one ");
    await client.receive(4);
    connect.kill("SIGTERM");
    expect(await connect.event("ending")).toMatchObject({ by: "SIGTERM", open: 1 });
    client.socket.end("two");
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("one two");
    expect(await connect.exit).toBe(0);
  });

  test("after --grace they are reset, at both ends", async () => {
    await using lab = new MixedLab("connect");
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await lab.expose("echo", service.target);
    const { connect, port } = await lab.connect("echo");
    const accepted = service.accept();
    const client = new Client(port);
    const atService = new Promise((resolve) => void accepted.then((socket) => socket.on("error", resolve)));
    client.socket.write("x");
    await client.receive(1);
    expect(await connect.end("SIGTERM")).toBe(0);
    expect(await client.over).toBe("ECONNRESET");
    expect(await atService).toMatchObject({ code: "ECONNRESET" });
  });

  test("a second signal ends at once", async () => {
    await using lab = new MixedLab("connect");
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await lab.expose("echo", service.target);
    const connect = lab.start("connect", "echo", "--listen", "0", "--grace", "1h");
    const client = new Client((await connect.event("listening"))["port"] as number);
    client.socket.write("x");
    await client.receive(1);
    connect.kill("SIGINT");
    await connect.event("ending");
    expect(await killUntilEnded(connect)).toBe(130);
  });

  test("a reader of stdout that has gone ends the command, too", async () => {
    await using lab = new MixedLab("connect");
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await lab.expose("echo", service.target);
    const { connect, port } = await lab.connect("echo");
    (connect as ProcessRun).child.stdout.destroy();
    const client = new Client(port);
    client.socket.end("x"); // the event of this connection is what cannot be written
    expect(await connect.exit).toBe(141);
  });
});

describe.concurrent("a router", () => {
  test("whose reader of stdout has gone ends with 141, which a supervisor takes for a failure", async () => {
    await using lab = new MixedLab("router");
    await using service = await startService();
    const { router } = await lab.router();
    (router as ProcessRun).child.stdout.destroy();
    await lab.expose("web", service.target); // the event of this listener is what cannot be written
    expect(await router.exit).toBe(141);
  });

  test("that is interrupted while it begins leaves the file of another router alone", async () => {
    await using lab = new ProcessLab();
    const { endpoint } = await lab.router();
    const path = `${lab.folder}/trunkline/router.json`;
    const first = readFileSync(path, "utf8");
    expect(first).toContain(endpoint);
    for (const delayMs of [0, 100, 200, 400]) {
      const second = lab.run(["router", "--listen", "127.0.0.1:0"], { ROUTER_KEY: "k".repeat(32) });
      await sleep(delayMs);
      await second.end("SIGINT");
      expect(readFileSync(path, "utf8")).toBe(first);
    }
  });
});

describe.concurrent("the demo", () => {
  test("--once moves the file, finds it the same, leaves nothing behind and ends with 0", async () => {
    await using lab = new ProcessLab();
    const demo = lab.run(["demo", "--once", "--size", "8"]);
    expect(await demo.exit).toBe(0);
    expect(demo.stderr).toBe("");
    const sums = demo.stdout.match(/\b[0-9a-f]{64}\b/g);
    expect(sums).toHaveLength(2);
    expect(sums?.[0]).toBe(sums?.[1]);
    expect(demo.stdout).toContain("100 %  8 MB of 8 MB");
    expect(demo.stdout).toContain("the same");
    expect(readdirSync(lab.folder)).toEqual([]);
  });

  test("stays with a page behind the tunnel and the commands to do the same, until a signal", async () => {
    await using lab = new ProcessLab();
    const demo = lab.start("demo", "--size", "1");
    expect(await demo.event("moved")).toMatchObject({ bytes: 1_000_000, same: true });
    const { url } = await demo.event("ready");
    expect(await (await fetch(String(url))).text()).toContain("It works.");
    expect(await demo.end("SIGINT")).toBe(0);
    expect(readdirSync(lab.folder)).toEqual([]);
  });

  test("that is ended before its check does not end with 0, and leaves nothing behind", async () => {
    await using lab = new ProcessLab();
    const demo = lab.start("demo", "--once", "--size", "4000");
    await demo.event("preparing");
    expect(await demo.end("SIGTERM")).toBe(143);
    expect(readdirSync(lab.folder)).toEqual([]);
  });
});

/** A signal that comes right after the first is taken for the same one: this repeats it until it is not. */
async function killUntilEnded(run: Run): Promise<number | NodeJS.Signals> {
  const repeat = setInterval(() => run.kill("SIGINT"), 20);
  try {
    return await run.exit;
  } finally {
    clearInterval(repeat);
  }
}
