import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";
import type { Run } from "./support/run.js";
import { Client, fateOf, startService } from "./support/services.js";

describe("a connection", () => {
  test("may have Unix sockets at both ends", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await lab.expose("echo", echo.target);
    const first = lab.start("connect", "echo", "--listen", `unix:${lab.folder}/first.sock`);
    expect(await first.event("listening")).toMatchObject({ address: `unix:${lab.folder}/first.sock` });
    await lab.expose("echo-again", `unix:${lab.folder}/first.sock`);
    const { port } = await lab.connect("echo-again");
    const client = new Client(port);
    client.socket.end("there and back");
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("there and back");
  });
});

describe("--max-connections", () => {
  test.each(["expose", "connect"] as const)(
    "of %s resets one more, and takes one again when another has ended",
    async (side) => {
      await using lab = new InProcessLab();
      await using service = await startService((socket) => socket.pipe(socket));
      await lab.router();
      const limit = ["--max-connections", "2"];
      const expose = await lab.expose("echo", service.target, ...(side === "expose" ? limit : []));
      const { connect, port } = await lab.connect("echo", ...(side === "connect" ? limit : []));
      const open = [new Client(port), new Client(port)];
      for (const client of open) {
        client.socket.write("open");
        await client.receive(4);
      }
      const refused = new Client(port);
      refused.socket.write("more");
      expect(await refused.over).toBe("ECONNRESET");
      const event = await (side === "expose" ? expose : connect).event("connection-refused");
      expect(event).toMatchObject({ error: "2 connections are open, and no more are taken" });
      if (side === "expose")
        expect(await connect.event("connection-closed")).toMatchObject({
          error: expect.stringContaining("no more are taken"),
        });
      open[0]?.socket.end();
      await open[0]?.over;
      await (side === "expose" ? expose : connect).event("connection-closed");
      const again = new Client(port);
      again.socket.end("again");
      expect(await again.over).toBe("end");
      open[1]?.socket.destroy();
    },
  );
});

describe("several names of one expose", () => {
  test("lead to their targets, and share the limit of connections", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    await using greeter = await startService((socket) => socket.end("welcome"));
    await lab.router();
    const expose = lab.start(
      "expose",
      "lab/echo",
      echo.target,
      "lab/greeter",
      greeter.target,
      "--max-connections",
      "1",
    );
    const exposed = [await expose.event("exposed"), await expose.event("exposed")];
    expect(exposed.map(({ name }) => name).sort()).toEqual(["lab/echo", "lab/greeter"]);
    const { port } = await lab.connect("lab/echo");
    const other = await lab.connect("lab/greeter");
    const held = new Client(port);
    held.socket.write("held");
    await held.receive(4);
    expect(await new Client(other.port).over).toBe("ECONNRESET");
    expect(await expose.event("connection-refused")).toMatchObject({ name: "lab/greeter" });
    held.socket.end();
    await held.over;
    await expose.event("connection-closed");
    const greeted = new Client(other.port);
    expect(await greeted.over).toBe("end");
    expect(greeted.received.toString()).toBe("welcome");
  });

  test("that is lost to another exposer leaves the other names as they are", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const both = lab.start("expose", "one", echo.target, "two", echo.target);
    await both.event("exposed");
    await both.event("exposed");
    await lab.expose("one", echo.target);
    expect(await both.event("name-lost")).toMatchObject({ name: "one" });
    const { port } = await lab.connect("two");
    const client = new Client(port);
    client.socket.end("still");
    expect(await client.over).toBe("end");
    await lab.expose("two", echo.target);
    expect(await both.exit).toBe(73);
  });

  test("all end where one cannot be exposed at first", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService();
    await lab.router();
    const expose = lab.run(["expose", "fine", echo.target, "no name", echo.target]);
    expect(await expose.exit).toBe(64);
    expect(expose.stderr).toContain('"no name" is not a name');
  });
});

describe("--allow", () => {
  test("admits the identities that fit, and tells the others and their log who was refused", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    const { endpoint } = await lab.router();
    const expose = await lab.expose("echo", echo.target, "--allow", "ops", "--allow", "lab-*");
    const as = async (identity: string): Promise<{ client: Client; connect: Run }> => {
      const minted = lab.run(["token", "mint", identity]);
      await minted.exit;
      const token = lab.file(`${identity}.token`, minted.stdout);
      const { connect, port } = await lab.connect("echo", "--endpoint", endpoint, "--token-file", token);
      return { client: new Client(port), connect };
    };
    const allowed = await as("lab-3");
    allowed.client.socket.end("mine");
    expect(await allowed.client.over).toBe("end");
    expect(await expose.event("connection-closed")).toMatchObject({ peer: "lab-3" });
    const refused = await as("other");
    expect(await refused.client.over).toBe("ECONNRESET");
    const reason = 'other is not among those that the exposer of "echo" allows';
    expect((await refused.connect.event("connection-closed"))["error"]).toContain(reason);
    expect(await expose.event("connection-refused")).toMatchObject({ name: "echo", peer: "other", error: reason });
  });
});

describe("the check of a target", () => {
  test("ends in order with a service that speaks first, and does not reset it (uptime-kuma#7692)", async () => {
    await using lab = new InProcessLab();
    const fates: Promise<string>[] = [];
    await using service = await startService((socket) => {
      // As MySQL and SSH do.
      socket.write("welcome, and a long greeting".repeat(1_000));
      socket.on("end", () => socket.end());
      fates.push(fateOf(socket.resume()));
    });
    await lab.router();
    await lab.expose("greeter", service.target);
    expect(await Promise.all(fates)).toEqual(["end"]);
  });
});

describe("a name that is not exposed yet", () => {
  test("is waited for, 5 s by default and without limit by --wait alone", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const waiting = [
      lab.start("connect", "late", "--listen", "0", "--wait", "1h"),
      lab.start("connect", "late", "--listen", "0", "--wait"),
    ];
    for (const connect of waiting) await connect.event("waiting");
    await lab.expose("late", service.target);
    for (const connect of waiting) {
      const client = new Client((await connect.event("listening"))["port"] as number);
      client.socket.end("here");
      expect(await client.over).toBe("end");
    }
  });
});

describe("a loss is a reset at the other end, never an end", () => {
  test("when the client goes away", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    await lab.router();
    const expose = await lab.expose("quiet", service.target);
    const { port } = await lab.connect("quiet");
    const accepted = service.accept();
    const client = new Client(port);
    const fate = fateOf((await accepted).resume());
    client.socket.resetAndDestroy();
    expect(await fate).toBe("ECONNRESET");
    expect(await expose.event("connection-closed")).toHaveProperty("error");
  });

  test("when the service goes away", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => {
      socket.write("half of a fi");
      socket.once("data", () => socket.resetAndDestroy());
    });
    await lab.router();
    await lab.expose("broken", service.target);
    const { connect, port } = await lab.connect("broken");
    const client = new Client(port);
    expect((await client.receive(12)).toString()).toBe("half of a fi");
    client.socket.write("x");
    expect(await client.over).toBe("ECONNRESET");
    expect(await connect.event("connection-closed")).toMatchObject({ error: expect.any(String), bytesFromTarget: 12 });
  });

  test("when the target refuses, and connect tells why", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    const target = await freePort();
    const expose = await lab.expose("nobody", target, "--no-check");
    const { connect, port } = await lab.connect("nobody");
    expect(await new Client(port).over).toBe("ECONNRESET");
    for (const run of [connect, expose]) {
      expect((await run.event("connection-closed"))["error"]).toContain(
        `cannot reach the target ${target}: connection refused`,
      );
    }
  });
});

describe("the name", () => {
  test("comes back when the router ended in order and began again at another port with another key", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    const { router } = await lab.router();
    const expose = await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo");

    expect(await router.end("SIGTERM")).toBe(0);
    await expose.event("router-lost");
    const { endpoint } = await lab.router();
    expect(await expose.event("exposed")).toMatchObject({ endpoint });
    const client = new Client(port);
    client.socket.end("after");
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("after");
  });

  test("is the newest expose's, and the older one ends saying so", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    await lab.router();
    const older = await lab.expose("name", service.target);
    await lab.expose("name", service.target);
    expect(await older.exit).toBe(73);
    expect(older.errorLines).toHaveLength(1);
    expect(older.stderr).toContain("another listener has taken the name");
  });
});

describe("the end of a command", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("every command ends with 0 on %s, saying nothing", async (signal) => {
    await using lab = new InProcessLab();
    await using service = await startService();
    const { router } = await lab.router();
    const expose = await lab.expose("web", service.target);
    const { connect, port } = await lab.connect("web");
    for (const run of [connect, expose, router]) {
      expect(await run.end(signal)).toBe(0);
      expect(run.stderr).toBe("");
    }
    expect(await new Client(port).over).toBe("ECONNREFUSED");
    expect(readdirSync(`${lab.folder}/trunkline`)).toEqual([]);
  });
});

describe("the file of the local router", () => {
  test("is for its owner only, names the process, and is gone after an end in order", async () => {
    await using lab = new InProcessLab();
    const { router, endpoint } = await lab.router();
    const path = `${lab.folder}/trunkline/router.json`;
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ endpoint, pid: process.pid });
    expect(await router.end("SIGTERM")).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test("stays with the first router when a second one has a key of its own", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router();
    const second = lab.run(["router", "--listen", "0", "--json"], { ROUTER_KEY: "another key, of at least 32 bytes" });
    expect(await second.event("not-published")).toMatchObject({ other: endpoint });
    expect(await second.event("listening")).not.toHaveProperty("stateFile");
    expect(await second.end("SIGTERM")).toBe(0);
    expect(JSON.parse(readFileSync(`${lab.folder}/trunkline/router.json`, "utf8"))).toMatchObject({ endpoint });
  });
});

/** Returns an address at which no service listens. */
async function freePort(): Promise<string> {
  const service = await startService();
  await service[Symbol.asyncDispose]();
  return service.target;
}
