/** `ls`, `ping` and targets that are programs. */
import { connect } from "node:net";
import { Trunkline } from "@trunkline/router";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";
import { Client, startService } from "./support/services.js";

describe("ls", () => {
  test("prints each name and its age, in order", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    await lab.router();
    await lab.expose("b-long-name", service.target);
    await lab.expose("a", service.target);
    const text = lab.run(["ls"]);
    expect(await text.exit).toBe(0);
    expect(text.stdout).toMatch(/^a {12}for [\d.]+ m?s\nb-long-name {2}for [\d.]+ m?s\n$/);
    const json = lab.start("ls");
    expect(await json.exit).toBe(0);
    const event = await json.event("name");
    expect(event).toMatchObject({ event: "name", name: "a" });
    expect(Date.parse(event["since"] as string)).toBeGreaterThan(0);
  });

  test("aligns the names that fit into the terminal, and leaves longer ones whole", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    await lab.router();
    const long = `b${"-long".repeat(10)}`;
    for (const name of ["a", "c-name", long]) await lab.expose(name, service.target);
    const ls = lab.onTerminal(["ls"], 40);
    expect(await ls.exit).toBe(0);
    const age = "for [\\d.]+ (ms|s|min \\d+ s)";
    expect(ls.stdout).toMatch(new RegExp(`^a {7}${age}\\n${long}  ${age}\\nc-name  ${age}\\n$`));
  });

  test("of nothing says so on stderr and prints nothing", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router();
    const ls = lab.run(["ls"]);
    expect(await ls.exit).toBe(0);
    expect(ls.stdout).toBe("");
    expect(ls.stderr).toContain(`nothing is exposed at ${endpoint}`);
  });
});

describe("ping", () => {
  test("measures round trips to the exposer, which does not connect to its target", async () => {
    await using lab = new InProcessLab();
    let connections = 0;
    await using service = await startService(() => {
      connections += 1;
    });
    await lab.router();
    await lab.expose("web", service.target, "--no-check");
    const ping = lab.start("ping", "web", "--count", "3", "--interval", "0");
    for (const number of [1, 2, 3]) {
      const pong = await ping.event("pong");
      expect(pong).toMatchObject({ name: "web", number });
      expect(pong["ms"]).toBeGreaterThan(0);
    }
    expect(await ping.event("ping-summary")).toMatchObject({ name: "web", answers: 3 });
    expect(await ping.exit).toBe(0);
    expect(connections).toBe(0);
  });

  test("goes on until it is interrupted, and then says what it has seen", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    await lab.router();
    await lab.expose("web", service.target);
    const ping = lab.run(["ping", "web", "--interval", "0"]);
    while (!ping.stdout.includes("answer 2 ")) await new Promise(setImmediate);
    expect(await ping.end("SIGINT")).toBe(0);
    expect(ping.stderr).toMatch(/answers from "web"; min\/mean\/max [\d.]+\/[\d.]+\/[\d.]+ ms/);
  });

  test("of a name that is not exposed ends with 68, and of one that cannot answer with 74", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router();
    const unknown = lab.run(["ping", "nothing"]);
    expect(await unknown.exit).toBe(68);
    expect(unknown.stderr).toContain('"nothing" is not exposed');
    const minted = lab.run(["token", "mint", "me"]);
    await minted.exit;
    await using trunkline = new Trunkline({ endpoint, token: minted.stdout.trim() });
    await using _listener = await trunkline.listen("silent");
    const silent = lab.run(["ping", "silent"]);
    expect(await silent.exit).toBe(74);
    expect(silent.stderr).toContain('the exposer of "silent" answers no pings');
  });

  test("is refused past 16 streams at once, and for more than 8 bytes", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    const { endpoint } = await lab.router();
    await lab.expose("web", service.target);
    const minted = lab.run(["token", "mint", "me"]);
    await minted.exit;
    await using trunkline = new Trunkline({ endpoint, token: minted.stdout.trim() });
    const dial = async () => {
      const stream = await trunkline.dial("web", { metadata: { "trunkline-ping": "1" } });
      await stream.joined();
      return stream;
    };
    const long = await dial();
    await long.send(new Uint8Array(9));
    await expect(long.receive()).rejects.toThrow("a ping has at most 8 bytes, and 9 came");
    const streams = await Promise.all(Array.from({ length: 16 }, dial));
    for (const stream of streams) await stream.send(new Uint8Array(8));
    for (const stream of streams) expect(await stream.receive()).toHaveLength(8);
    await expect(dial()).rejects.toThrow("16 streams of pings are open");
    for (const stream of [...streams, long]) stream.abort();
  });
});

describe("a program as the target", () => {
  test("is started for each connection, which is its standard input and output", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    await lab.expose("upper", "exec:tr a-z A-Z");
    const { port } = await lab.connect("upper");
    for (const text of ["first", "second"]) {
      const client = new Client(port);
      client.socket.end(text);
      expect(await client.over).toBe("end");
      expect(client.received.toString()).toBe(text.toUpperCase());
    }
  });

  test("that fails resets the connection after its output, and does not know the secrets", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    process.env["ROUTER_KEY"] = "a secret of 32 bytes for this test";
    const expose = await lab.expose("failing", 'exec:printf "%s" "key $ROUTER_KEY"; exit 3');
    const { port } = await lab.connect("failing");
    const client = new Client(port);
    expect(await client.over).toBe("ECONNRESET");
    delete process.env["ROUTER_KEY"];
    expect(await expose.event("connection-closed")).toMatchObject({ error: "the process ended with exit code 3" });
    expect(["key ", ""]).toContain(client.received.toString());
  });

  test("ends when the client resets its connection", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    const expose = await lab.expose("waiting", "exec:echo ready; exec sleep 1000");
    const { port } = await lab.connect("waiting");
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve) => socket.once("data", resolve));
    socket.resetAndDestroy();
    expect(await expose.event("connection-closed")).toHaveProperty("error");
  });
});
