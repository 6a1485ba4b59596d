/** The events of `--json` and their schema, which is packed with the command. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { definitionsOf, problemOf, type Schema } from "./support/json-schema.js";
import { InProcessLab } from "./support/lab.js";
import type { Run } from "./support/run.js";
import { Client, startService } from "./support/services.js";

const file = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const schema = JSON.parse(file("events.schema.json")) as Schema;
const kinds = Object.keys(definitionsOf(schema)).filter((kind) => kind !== "time");

/** Checks every line that a command has written, and returns the kinds of its events. */
function checkedKinds(run: Run): string[] {
  const lines = run.stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const event = JSON.parse(line) as { readonly event: string };
    expect(problemOf(event, definitionsOf(schema)[event.event], schema), line).toBeUndefined();
    expect(problemOf(event, schema, schema), line).toBeUndefined();
    return event.event;
  });
}

describe("the schema of events", () => {
  test("has every event that the sources name, and each is in the README", () => {
    const sources = readdirSync(new URL("../src", import.meta.url), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .flatMap((path) => [...file(`src/${path}`).matchAll(/event: "([a-z-]+)"/g)].map(([, kind]) => String(kind)));
    const ofRouter = file("../router/src/service/events.ts").matchAll(/readonly kind: "([a-z-]+)"/g);
    const named = [...sources, ...Array.from(ofRouter, ([, kind]) => `router-${kind}`)];
    expect(named.filter((kind) => !kinds.includes(kind))).toEqual([]);
    const readme = file("README.md");
    const isListed = (kind: string): boolean => readme.includes(`\`${kind}\``);
    expect(kinds.filter((kind) => !isListed(kind) && !isListed(kind.replace(/^router-/, "")))).toEqual([]);
  });

  test("holds for what the commands write", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    mkdirSync(`${lab.folder}/.config/trunkline`, { recursive: true });
    writeFileSync(`${lab.folder}/.config/trunkline/config.yaml`, "profiles: {here: {forwards: ['0:echo']}}");
    const { router } = await lab.router();
    const expose = await lab.expose("echo", echo.target, "--allow-reverse", "0-65535", "--max-connections", "1");
    const connect = lab.start("connect", "0:echo", "echo", `R:0:${echo.target}`, "--grace", "0");
    await connect.event("reverse-listening");
    const client = new Client((await connect.event("listening"))["port"] as number);
    client.socket.write("held");
    await client.receive(4);
    client.socket.resetAndDestroy();
    await expose.event("connection-closed");
    const up = lab.start("up", "--grace", "0");
    await up.event("forward");
    await up.event("forward");
    const short = [
      ["ls"],
      ["ping", "echo", "--count", "2", "--interval", "1ms"],
      ["doctor", "echo"],
      ["version"],
      ["key"],
      ["token", "mint", "me"],
      ["check", "--profiles", `${lab.folder}/.config/trunkline/config.yaml`],
      ["check", "--profiles", lab.file("bad.yaml", "profiles: 1")],
      ["connect", "nothing", "--listen", "0", "--wait", "0"],
      ["expose", "echo"],
    ].map((args) => lab.start(...args));
    await Promise.all(short.map((run) => run.exit));
    for (const run of [up, connect, expose, router]) expect(await run.end("SIGTERM")).toBe(0);
    const seen = new Set([...short, up, connect, expose, router].flatMap(checkedKinds));
    for (const kind of [
      "listening",
      "exposed",
      "connection-closed",
      "forward",
      "reverse-ended",
      "pong",
      "hop",
      "error",
    ])
      expect(seen, kind).toContain(kind);
    for (const kind of ["router-paired", "router-closed", "router-dialled", "summary", "profiles-problem", "token"])
      expect(seen, kind).toContain(kind);
  });

  test.each([
    [{ event: "pong", time: "2027-01-01T00:00:00.000Z", name: "web", number: 1 }, "lacks ms"],
    [{ event: "pong", time: "yesterday", name: "web", number: 1, ms: 1 }, "time"],
    [{ event: "key", time: "2027-01-01T00:00:00.000Z", key: "x", more: 1 }, "has the unknown field more"],
    [{ event: "pong", time: "2027-01-01T00:00:00.000Z", name: 3, number: 1, ms: 1 }, "name is not of type string"],
  ])("refuses %j", (event, problem) => {
    expect(() => problemOf(event, definitionsOf(schema)[event.event], schema)).not.toThrow();
    expect(problemOf(event, definitionsOf(schema)[event.event], schema)).toContain(problem);
    expect(problemOf(event, schema, schema)).toBeDefined();
  });
});
