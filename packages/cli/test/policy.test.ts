/** `router --policy` and `check`. */
import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ExitCode } from "../src/exit-codes.js";
import { InProcessLab } from "./support/lab.js";
import { Client, startService } from "./support/services.js";

const forLocal = (name: string): string =>
  `rules:\n  - identities: [local]\n    listen: [${name}]\n    dial: [${name}]\n`;

describe("check", () => {
  test("says that a policy can be used, and what is in it", async () => {
    await using lab = new InProcessLab();
    const path = lab.file("policy.yaml", `${forLocal("web")}denied:\n  identities: [eve]\n`);
    const text = lab.run(["check", path]);
    expect(await text.exit).toBe(0);
    expect(text.stdout).toBe(`${path} can be used; rules: 1, denied identities: 1, denied tokens: 0\n`);
    const json = lab.start("check", path);
    expect(await json.event("policy")).toMatchObject({ file: path, rules: 1, deniedIdentities: 1, deniedTokens: 0 });
  });

  test("prints each mistake on a line with its place, and fails", async () => {
    await using lab = new InProcessLab();
    const path = lab.file("policy.yaml", "rules:\n  - identities: []\n  - identities: [a]\n    maxStreams: -1\n");
    const text = lab.run(["check", path]);
    expect(await text.exit).toBe(ExitCode.unreadable);
    expect(text.stdout.split("\n")).toEqual([
      `${path}:2:5: identities must not be an empty list`,
      `${path}:4:5: maxStreams must be a whole number from 0 on, not -1`,
      "",
    ]);
    expect(text.stderr).toBe(`trunkline: the policy ${path} has 2 mistakes\n`);
    const json = lab.start("check", path);
    expect(await json.event("policy-problem")).toMatchObject({ file: path, line: 2, column: 5 });
  });

  test("of a file that is not there, or is too large, says so", async () => {
    await using lab = new InProcessLab();
    const missing = lab.run(["check", "/nowhere/policy.yaml"]);
    expect(await missing.exit).toBe(ExitCode.unreadable);
    expect(missing.stderr).toContain("cannot read the policy /nowhere/policy.yaml: there is no such file");
    const large = lab.run(["check", lab.file("policy.yaml", " ".repeat(262_145))]);
    expect(await large.exit).toBe(ExitCode.unreadable);
    expect(large.stderr).toContain("it has more than 262144 bytes");
  });
});

describe("a router with a policy", () => {
  test("does not begin with one that has mistakes, and says where the first one is", async () => {
    await using lab = new InProcessLab();
    const path = lab.file("policy.yaml", "rules:\n  - identities: []\n  - {}\n");
    const router = lab.run(["router", "--listen", "127.0.0.1:0", "--policy", path]);
    expect(await router.exit).toBe(ExitCode.unreadable);
    const place = `cannot use the policy ${path}:2:5: identities must not be an empty list`;
    expect(router.stderr).toBe(`trunkline: ${place} (and 1 more: trunkline check ${path})\n`);
  });

  test("refuses what the policy does not allow, and ends it when the file changes", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    const path = lab.file("policy.yaml", forLocal("web"));
    const { router } = await lab.router("--policy", path);
    const refused = lab.start("expose", "other", service.target);
    expect(await refused.exit).toBe(ExitCode.denied);
    const exposed = await lab.expose("web", service.target);
    const { port } = await lab.connect("web");
    const client = new Client(port);
    client.socket.write("ping");
    await client.receive(4);

    writeFileSync(path, "rules: [\n");
    expect((await router.eventOfLook("policy-unusable"))["error"]).toContain(`${path}:2:1: `);
    expect(client.socket.destroyed).toBe(false);
    writeFileSync(path, forLocal("other"));
    await router.eventOfLook("policy-changed");
    expect(await client.over).not.toBe("end");
    expect(await exposed.exitOfLook()).toBe(ExitCode.denied);
  });
});
