/** `kill`, `evict` and `drain`, and the right that they take. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "../support/lab.js";
import { Client, startService } from "../support/services.js";

/** A lab with a router, an echo under the name "echo", and one connection to it. */
async function labWithStream(...args: string[]) {
  const lab = new InProcessLab();
  const service = await startService((socket) => socket.pipe(socket));
  const { router, endpoint } = await lab.router(...args);
  const expose = await lab.expose("echo", service.target);
  const { connect, port } = await lab.connect("echo");
  const client = new Client(port);
  client.socket.write("four");
  await client.receive(4);
  const { stream } = await router.event("router-paired");
  const close = async (): Promise<void> => {
    await lab[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  };
  return { lab, router, endpoint, expose, connect, client, stream: stream as string, [Symbol.asyncDispose]: close };
}

describe("kill", () => {
  test("ends a stream by the beginning of its id, with the reason at both sides, the log and the audit", async () => {
    await using lab = new InProcessLab();
    const audit = lab.file("audit.jsonl", "");
    await using test = await labWithStream("--audit", audit);
    const kill = test.lab.start("kill", test.stream.slice(0, 8), "--reason", "repair");
    expect(await kill.exit).toBe(0);
    expect(await kill.event("killed")).toMatchObject({ id: test.stream });
    for (const side of [test.expose, test.connect])
      expect((await side.event("connection-closed"))["error"]).toContain("an operator ended the stream: repair");
    await test.client.over;
    const told = { stream: test.stream, operator: "local" };
    expect(await test.router.event("router-killed")).toMatchObject({ ...told, name: "echo", reason: "repair" });
    expect(await test.router.event("router-closed")).toMatchObject(told);
    expect(await test.router.end("SIGTERM")).toBe(0);
    const lines = readFileSync(audit, "utf8").trim().split("\n");
    const ended = lines.map((line) => JSON.parse(line)).find(({ endedBy }) => endedBy !== undefined);
    expect(ended).toMatchObject({ stream: test.stream, endedBy: "operator local" });
  });

  test("ends what it can, and fails with 68 for what is not there", async () => {
    await using test = await labWithStream();
    const kill = test.lab.run(["kill", "nothing", test.stream, "nowhere"]);
    expect(await kill.exit).toBe(68);
    expect(kill.stdout).toBe(`ended the stream ${test.stream}\n`);
    expect(kill.errorLines).toHaveLength(1);
    expect(kill.stderr).toContain('there is no stream with the id "nothing"');
    expect(kill.stderr).toContain("(and 1 more could not be ended)");
  });

  test.each([
    [["kill", ""], 64, "the id of a stream must not be empty"],
    [["kill", "x", "--reason", "a".repeat(256)], 64, "a reason of 256 characters is longer than 255"],
    [["kill", "x", "--reason", "a\u0007"], 64, "a reason must not have control characters"],
    [["kill"], 64, "missing required argument"],
    [["evict", "nothing"], 68, 'the name "nothing" has no listener'],
    [["evict", "echo", "--listener", "nobody"], 68, 'the name "echo" has no listener "nobody"'],
    [["drain", "--deadline", "soon"], 64, '--deadline "soon" is no duration'],
  ])("%j ends with %i: %s", async (args, code, message) => {
    await using test = await labWithStream();
    const run = test.lab.run(args);
    expect(await run.exit).toBe(code);
    expect(run.errorLines).toHaveLength(1);
    expect(run.stderr).toContain(message);
  });
});

describe("evict", () => {
  test("ends the exposer, which says why, and leaves its connections or ends them, too", async () => {
    await using test = await labWithStream();
    const second = test.lab.run(["evict", "echo", "--kill-streams", "--reason", "moved"]);
    expect(await second.exit).toBe(0);
    expect(second.stdout).toBe("took echo from 1 listener, and ended 1 streams\n");
    expect(await test.expose.exit).toBe(73);
    expect(test.expose.stderr).toContain("an operator has taken the name away: moved");
    await test.client.over;
  });
});

describe("drain", () => {
  test("ends the router in order, within the time that was given", async () => {
    await using test = await labWithStream();
    const drain = test.lab.start("drain", "--deadline", "0");
    expect(await drain.exit).toBe(0);
    expect(await drain.event("draining")).toMatchObject({ endpoint: test.endpoint, deadlineMs: 1 });
    expect(await test.router.event("router-drain-requested")).toMatchObject({ operator: "local", deadlineMs: 1 });
    expect(await test.router.exit).toBe(0);
    expect(await test.router.event("summary")).toMatchObject({ pairs: 1 });
  });
});

describe("the right to act", () => {
  test("is in the token of this machine's router and in those that say so, and nowhere else", async () => {
    await using test = await labWithStream();
    const minted = async (...args: string[]): Promise<string> => {
      const run = test.lab.run(["token", "mint", "me", ...args]);
      expect(await run.exit).toBe(0);
      return test.lab.file(`token${args.join("")}`, run.stdout.trim());
    };
    const codes: unknown[] = [];
    for (const args of [[], ["--admin", "see"], ["--admin", "act"]]) {
      const run = test.lab.run([
        "evict",
        "nothing",
        "--endpoint",
        test.endpoint,
        "--token-file",
        await minted(...args),
      ]);
      codes.push(await run.exit);
      if (args.length < 2) expect(run.stderr).toContain("trunkline token mint --admin act");
    }
    expect(codes).toEqual([77, 77, 68]);
    const wrong = test.lab.run(["token", "mint", "me", "--admin", "root"]);
    expect(await wrong.exit).toBe(64);
    const inspect = test.lab.run(["token", "inspect", await minted("--admin", "see")]);
    await inspect.exit;
    expect(inspect.stdout).toMatch(/^admin {6}see$/m);
  });

  test("comes from the policy where there is one, which decides alone", async () => {
    await using files = new InProcessLab();
    const rule = (admin: string) =>
      files.file("policy.yaml", `rules:\n  - {identities: [local], listen: ["*"], dial: ["*"]${admin}}\n`);
    for (const [admin, code] of [
      ["", 77],
      [", admin: see", 77],
      [", admin: act", 68],
    ] as const) {
      await using lab = new InProcessLab();
      await lab.router("--policy", rule(admin));
      expect(await lab.run(["evict", "nothing"]).exit).toBe(code);
    }
    const check = files.run(["check", rule(", admin: all")]);
    expect(await check.exit).toBe(66);
    expect(check.stdout + check.stderr).toContain("admin must be one of see, act");
  });
});
