/** Reverse forwards: `connect NAME R:PORT:TARGET` and `expose --allow-reverse`. */
import { readLocalState, Trunkline } from "@trunkline/router";
import { describe, expect, test } from "vitest";
import { ReverseRules } from "../../src/expose/reverse-rules.js";
import { parseReverseMessage, reverseListenKey, reverseTakeKey } from "../../src/forward/reverse-wire.js";
import { InProcessLab } from "../support/lab.js";
import { Client, startService } from "../support/services.js";

const portOf = (address: unknown): number => Number(String(address).split(":").at(-1));

describe("a reverse forward", () => {
  test("listens at the exposer, leads to a target at the connecting side, and frees its port at the end", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const expose = await lab.expose("board", echo.target, "--allow-reverse", "0-65535");
    const connect = lab.start("connect", "board", `R:0:${echo.target}`, "0:board", "--grace", "0");
    const listening = await connect.event("reverse-listening");
    expect(listening).toMatchObject({ name: "board", target: echo.target });
    const port = portOf(listening["address"]);
    const clients = [1, 2, 3].map(() => new Client(port));
    for (const [index, client] of clients.entries()) client.socket.end(`there and back ${index}`);
    for (const [index, client] of clients.entries()) {
      expect(await client.over).toBe("end");
      expect(client.received.toString()).toBe(`there and back ${index}`);
    }
    expect(await connect.event("connection-closed")).toMatchObject({ name: "board", bytesToTarget: 16 });
    expect(await expose.event("reverse-listening")).toMatchObject({ name: "board" });
    expect(await connect.end("SIGTERM")).toBe(0);
    await expose.event("reverse-ended");
    expect(await new Client(port).over).toBe("ECONNREFUSED");
    expect(await expose.end("SIGTERM")).toBe(0);
  });

  test("comes back when the exposer does", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const allow = ["--allow-reverse", "0-65535"];
    const expose = await lab.expose("board", echo.target, ...allow);
    const connect = lab.start("connect", "board", `R:0:${echo.target}`, "--grace", "0");
    await connect.event("reverse-listening");
    expect(await expose.end("SIGTERM")).toBe(0);
    await connect.event("reverse-lost");
    await lab.expose("board", echo.target, ...allow);
    const again = await connect.event("reverse-listening");
    const client = new Client(portOf(again["address"]));
    client.socket.end("again");
    expect(await client.over).toBe("end");
  });

  test("is refused without --allow-reverse, beyond its bounds, and where the port is in use", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService();
    await lab.router();
    await lab.expose("closed", echo.target);
    await lab.expose("board", echo.target, "--allow-reverse", `1-${echo.port}`);
    const closed = lab.run(["connect", "closed", "R:8080"]);
    expect(await closed.exit).toBe(77);
    expect(closed.stderr).toContain('the exposer of "closed" takes no reverse forwards; begin it with --allow-reverse');
    const beyond = lab.run(["connect", "board", `R:0.0.0.0:${echo.port}:3000`]);
    expect(await beyond.exit).toBe(77);
    expect(beyond.stderr).toContain(`this exposer listens for others on 1-${echo.port} only (--allow-reverse)`);
    const used = lab.run(["connect", "board", `R:${echo.port}:3000`]);
    expect(await used.exit).toBe(73);
    expect(used.stderr).toContain(`cannot listen on 127.0.0.1:${echo.port}: it is in use already`);
  });

  test("gives a connection only to the dialler that it was announced to, and takes no words", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService();
    await lab.router();
    await lab.expose("board", echo.target, "--allow-reverse", "0-65535");
    const found = await readLocalState(`${lab.folder}/trunkline/router.json`);
    const { endpoint = "", token = "" } = found?.state ?? {};
    await using client = new Trunkline({ endpoint, token });
    const guess = await client.dial("board", { metadata: { [reverseTakeKey]: "made-up" }, resume: false });
    await expect(guess.receive()).rejects.toThrow("no connection of a reverse forward waits for this");
    const path = await client.dial("board", { metadata: { [reverseListenKey]: "unix:/tmp/x" }, resume: false });
    await expect(path.receive()).rejects.toThrow("a Unix socket is no address of a reverse forward");
    const nonsense = await client.dial("board", { metadata: { [reverseListenKey]: "127.0.0.1:0" }, resume: false });
    await nonsense.receive();
    await nonsense.send(Buffer.from("words\n"));
    await expect(nonsense.receive()).rejects.toThrow("the connecting side of a reverse forward sends nothing");
  });
});

describe("--allow-reverse", () => {
  test.each([
    ["8080", "127.0.0.1", 8_080, true],
    ["8080", "::1", 8_080, true],
    ["8080", "localhost", 8_080, true],
    ["8080", "127.0.0.1", 8_081, false],
    ["8080", "0.0.0.0", 8_080, false],
    ["8000-8099", "127.0.0.1", 8_000, true],
    ["8000-8099", "127.0.0.1", 8_099, true],
    ["8000-8099", "127.0.0.1", 8_100, false],
    ["8000-8099", "127.0.0.1", 7_999, false],
    ["0.0.0.0:80", "0.0.0.0", 80, true],
    ["0.0.0.0:80", "127.0.0.1", 80, false],
    ["[::]:80", "::", 80, true],
    ["*:80", "192.0.2.1", 80, true],
    ["*:80", "::", 81, false],
  ])("%s: %s %i is allowed: %s", (rule, host, port, allowed) => {
    expect(new ReverseRules([rule]).refusal({ host, port }) === undefined).toBe(allowed);
  });

  test.each(["", "all", "8080-", "-8080", "99999", "9-8", "host:80", "a b:80", "[::1:80"])("%j is refused", (text) => {
    expect(() => new ReverseRules([text])).toThrow(`--allow-reverse ${JSON.stringify(text)}`);
  });
});

test.each([
  "",
  "null",
  "{}",
  "[]",
  '{"listening":"127.0.0.1:80"}',
  '{"listening":{"host":"::","port":0}}',
  '{"connection":"no id!","peer":"x"}',
  '{"connection":"a"}',
])("%j is no message of a reverse forward", (line) => {
  expect(() => parseReverseMessage(Buffer.from(line))).toThrow();
});
