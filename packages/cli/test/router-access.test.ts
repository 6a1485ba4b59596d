import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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
      const minted = lab.run(["token", "mint", identity]);
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

describe("the key of this machine", () => {
  test("outlives the router, so that its tokens stay good after an orderly end", async () => {
    await using lab = new InProcessLab();
    const { router } = await lab.router();
    const before = lab.run(["token", "mint", "me"]);
    expect(await before.exit).toBe(0);
    expect(await router.end("SIGTERM")).toBe(0);
    const { endpoint } = await lab.router();
    const run = lab.run(["connect", "web", "--listen", "0", "--wait", "0", "--endpoint", endpoint], {
      TRUNKLINE_TOKEN: before.stdout.trim(),
    });
    expect(await run.exit).toBe(68); // the token is accepted, and the name is not exposed
  });

  test("is in a file of its own, for its owner only, and may be given by --key-file", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    const path = `${lab.folder}/.local/state/trunkline/router.key`;
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${lab.folder}/trunkline/router.json`, "utf8")).not.toContain(
      readFileSync(path, "utf8").trim(),
    );
    const token = lab.run(["token", "mint", "me", "--key-file", path]);
    expect(await token.exit).toBe(0);
    const { endpoint } = JSON.parse(readFileSync(`${lab.folder}/trunkline/router.json`, "utf8")) as {
      endpoint: string;
    };
    const run = lab.run(["connect", "web", "--listen", "0", "--wait", "0", "--endpoint", endpoint], {
      TRUNKLINE_TOKEN: token.stdout.trim(),
    });
    expect(await run.exit).toBe(68);
  });
});

describe("the file of a router that died", () => {
  test("that is damaged is replaced, with a warning", async () => {
    await using lab = new InProcessLab();
    await lab.router().then(({ router }) => router.end("SIGTERM"));
    writeFileSync(`${lab.folder}/trunkline/router.json`, "nonsense", { mode: 0o600 });
    const { router } = await lab.router();
    expect((await router.event("local-file-ignored"))["error"]).toContain("it is no JSON");
    expect(await lab.run(["connect", "web", "--listen", "0", "--wait", "0"]).exit).toBe(68);
  });

  test("stays when a second router finds no answer in time, which proves nothing", async () => {
    await using lab = new InProcessLab();
    const path = `${lab.folder}/trunkline/router.json`;
    // Nothing answers at this address, which is reserved (RFC 1112 §4); some systems refuse it without asking the
    // network.
    const first = { endpoint: "240.0.0.1:7420", token: "first", pid: process.pid };
    await writeLocalState(first, path);
    await expect(lab.run(["router", "--listen", "0"]).exit).resolves.toBe(73);
    const second = lab.run(["router", "--listen", "0", "--json"], { ROUTER_KEY: "x".repeat(32) });
    expect(await second.event("not-published")).toMatchObject({ other: first.endpoint });
    expect(await second.end("SIGINT")).toBe(0);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(first);
  });

  test("is not followed when its process number belongs to another process by now", async () => {
    await using lab = new InProcessLab();
    const nobody = await startService();
    await nobody[Symbol.asyncDispose]();
    await writeLocalState(
      { endpoint: nobody.target, token: "old", pid: process.pid },
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
