import { rmSync, writeFileSync } from "node:fs";
import { writeLocalState } from "@trunkline/router";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";
import { Client, startService } from "./support/services.js";

describe("the token in a file", () => {
  test("is read anew, and what it was stays good while the file is gone", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    const { endpoint } = await lab.router();
    const tokens: string[] = [];
    for (const identity of ["first", "second"]) {
      const minted = lab.run(["token", identity]);
      expect(await minted.exit).toBe(0);
      tokens.push(minted.stdout);
    }
    await lab.expose("echo", service.target);
    const file = lab.file("token", tokens[0] ?? "");
    const { connect, port } = await lab.connect("echo", "--endpoint", endpoint, "--token-file", file);
    for (const change of [
      () => rmSync(file),
      () => writeFileSync(file, ""),
      () => writeFileSync(file, tokens[1] ?? ""),
    ]) {
      change();
      const client = new Client(port);
      client.socket.end("let in");
      expect(await client.over).toBe("end");
      expect(client.received.toString()).toBe("let in");
      expect(await connect.event("connection-closed")).not.toHaveProperty("error");
    }
  });
});

describe("the token of the local router", () => {
  test("is shown to no other", async () => {
    await using lab = new InProcessLab();
    await using stranger = await startService();
    await lab.router();
    const run = lab.run(["connect", "web", "--listen", "0", "--endpoint", stranger.target]);
    expect(await run.exit).toBe(64);
    expect(run.stderr).toContain(`there is no token for ${stranger.target}`);
  });
});

describe("the file of a router that died", () => {
  test("leaves its key to the next one, so that its tokens stay good", async () => {
    await using lab = new InProcessLab();
    const path = `${lab.folder}/trunkline/router.json`;
    await writeLocalState(
      { endpoint: "127.0.0.1:1", token: "old", key: Buffer.from("the old key").toString("base64url"), pid: 2 ** 30 },
      path,
    );
    const before = lab.run(["token", "me"]);
    expect(await before.exit).toBe(0);
    const { endpoint } = await lab.router();
    const run = lab.run(["connect", "web", "--listen", "0", "--endpoint", endpoint], {
      TRUNKLINE_TOKEN: before.stdout.trim(),
    });
    expect(await run.exit).toBe(68); // let in, and told that nobody exposes the name
  });

  test("that is damaged is replaced, with a warning", async () => {
    await using lab = new InProcessLab();
    await lab.router().then(({ router }) => router.end("SIGTERM"));
    writeFileSync(`${lab.folder}/trunkline/router.json`, "nonsense", { mode: 0o600 });
    const { router } = await lab.router();
    expect((await router.event("local-file-ignored"))["error"]).toContain("it is no JSON");
    expect(await lab.run(["connect", "web", "--listen", "0"]).exit).toBe(68);
  });

  test("is not followed when its process number belongs to somebody else by now", async () => {
    await using lab = new InProcessLab();
    const nobody = await startService();
    await nobody[Symbol.asyncDispose]();
    await writeLocalState(
      { endpoint: nobody.target, token: "old", key: "a2V5", pid: process.pid },
      `${lab.folder}/trunkline/router.json`,
    );
    await lab.router();
  });
});

test("a router on a Unix socket is found from any folder", async () => {
  await using lab = new InProcessLab();
  await using service = await startService();
  const router = lab.start("router", "--listen", `unix:${lab.folder}/router.sock`);
  await router.event("listening");
  await lab.expose("web", service.target);
  const { connect } = await lab.connect("web");
  expect(connect.stdout).toContain(`"endpoint":"unix:${lab.folder}/router.sock"`);
});
