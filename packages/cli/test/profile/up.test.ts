/** `trunkline up`, and `--profile` of the other commands. */

import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "../support/lab.js";
import { Client, startService } from "../support/services.js";

/** Writes the profiles of a lab, which finds them below its folder. */
function profiles(lab: InProcessLab, text: string): void {
  mkdirSync(`${lab.folder}/.config/trunkline`, { recursive: true });
  writeFileSync(`${lab.folder}/.config/trunkline/config.yaml`, text);
}

describe("up", () => {
  test("opens the forwards of a profile, tells of each with its state, and takes changes of the file", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const expose = await lab.expose("web", echo.target);
    profiles(lab, `profiles:\n  here:\n    forwards:\n      - 0:web\n      - 0:later\n`);
    const up = lab.start("up", "--grace", "0");
    const states = new Map<unknown, unknown>();
    for (let count = 0; count < 4; count++) {
      const { name, state, address, error } = await up.event("forward");
      states.set(name, { state, address, error });
    }
    expect(states.get("web")).toMatchObject({ state: "ready", address: expect.stringContaining("127.0.0.1:") });
    expect(states.get("later")).toMatchObject({ state: "waiting", error: '"later" is not exposed' });
    const { address } = states.get("web") as { address: string };
    const client = new Client(Number(address.split(":")[1]));
    client.socket.write("open");
    await client.receive(4);

    await lab.expose("later", echo.target);
    expect(await up.eventOfLook("forward")).toMatchObject({ name: "later", state: "ready" });
    expect(await expose.end("SIGTERM")).toBe(0);
    expect(await up.eventOfLook("forward")).toMatchObject({ name: "web", state: "waiting" });

    profiles(lab, `profiles:\n  here:\n    forwards:\n      - 0:later\n      - 0:wob\n      - 9\n`);
    expect((await up.eventOfLook("profiles-unusable"))["error"]).toContain("config.yaml:6:9: a forward must be text");
    profiles(lab, `profiles:\n  here:\n    forwards:\n      - 0:later\n`);
    expect(await up.eventOfLook("profile-changed")).toMatchObject({ profile: "here", forwards: 1 });
    expect(await up.event("forward")).toMatchObject({ name: "web", state: "off" });
    expect(await up.end("SIGTERM")).toBe(0);
  });

  test("tries again to open what cannot be opened", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await lab.expose("web", echo.target);
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    profiles(lab, `profiles:\n  here:\n    forwards: ["${port}:web"]\n`);
    const up = lab.start("up");
    expect(await up.event("forward")).toMatchObject({ state: "starting" });
    expect(await up.event("forward")).toMatchObject({
      state: "failed",
      error: `cannot listen on 127.0.0.1:${port}: it is in use already; choose another port, or 0 for a free one`,
    });
    holder.close();
    expect(await up.event("forward")).toMatchObject({ state: "ready" });
    expect(await up.end("SIGINT")).toBe(0);
  });

  test.each([
    [undefined, [], 66, "cannot read the profiles"],
    ["profiles: {a: {}}", [], 66, 'the profile "a" has no forwards'],
    ["profiles: {a: {}, b: {}}", [], 64, "choose a profile with --profile"],
    ["profiles: {a: {}}", ["--profile", "c"], 64, 'there is no profile "c"'],
    ["profiles: {a: {forward: []}}", [], 66, 'config.yaml:1:16: the key "forward" is unknown'],
    ["profiles: {a: {tokenFile: gone, forwards: ['0:web']}}", [], 66, "cannot read the token file"],
  ])("%j %j ends with %i: %s", async (text, args, code, message) => {
    await using lab = new InProcessLab();
    await lab.router();
    if (text !== undefined) profiles(lab, text);
    const up = lab.run(["up", ...args]);
    expect(await up.exit).toBe(code);
    expect(up.errorLines).toHaveLength(1);
    expect(up.stderr).toContain(message);
  });
});

describe("--profile", () => {
  test("gives router and token to every command, and shows no token to another router", async () => {
    await using lab = new InProcessLab();
    await using elsewhere = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    const { endpoint } = await lab.router();
    const minted = lab.run(["token", "mint", "lab-3"]);
    await minted.exit;
    profiles(elsewhere, `profiles:\n  lab:\n    endpoint: ${endpoint}\n    tokenFile: lab.token\n`);
    writeFileSync(`${elsewhere.folder}/.config/trunkline/lab.token`, minted.stdout);
    await elsewhere.expose("web", echo.target, "--profile", "lab");
    const { port } = await elsewhere.connect("web", "--profile", "lab");
    const client = new Client(port);
    client.socket.end("by profile");
    expect(await client.over).toBe("end");
    const both = elsewhere.run(["ls", "--profile", "lab", "--endpoint", "127.0.0.1:1"]);
    expect(await both.exit).toBe(64);
    expect(both.stderr).toContain("--profile and --endpoint exclude each other");
  });

  test("of a file with mistakes names each by check --profiles", async () => {
    await using lab = new InProcessLab();
    const file = lab.file("config.yaml", "profiles:\n  a:\n    endpoint: 1\n    token: x\n");
    const check = lab.run(["check", "--profiles", file]);
    expect(await check.exit).toBe(66);
    expect(check.stdout.split("\n").map((line) => line.slice(file.length, file.length + 5))).toEqual(
      expect.arrayContaining([":3:5:", ":4:5:"]),
    );
    expect(check.stderr).toContain("have 2 mistakes");
    const fine = lab.run(["check", "--profiles", lab.file("fine.yaml", "profiles: {a: {}, b: {}}"), "--json"]);
    expect(await fine.event("profiles")).toMatchObject({ profiles: ["a", "b"] });
    expect(await lab.run(["check", "--profiles", "--config", file]).exit).toBe(64);
  });
});
