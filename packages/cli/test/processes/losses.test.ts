/** Processes that are killed or stopped. Only those are processes, and the others of a test are in this one. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import { untilFull } from "../support/full-way.js";
import { disposeLabs, MixedLab } from "../support/lab.js";
import { publishCommand } from "../support/process-run.js";
import { Client, fateOf, startService } from "../support/services.js";

beforeAll(publishCommand, 120_000);
afterAll(disposeLabs);

/** Sends without end. */
function flood(socket: Socket): void {
  const piece = Buffer.alloc(64 * 1024);
  const write = (): void => {
    while (socket.write(piece) === true);
  };
  socket.on("drain", write);
  write();
}

describe.concurrent("a loss in the middle is a reset at the other end, never an end", () => {
  test.each(["expose", "router", "connect"] as const)("when %s is killed", async (victim) => {
    await using lab = new MixedLab(victim);
    await using service = await startService(flood);
    const { router } = await lab.router();
    const expose = await lab.expose("flood", service.target, "--no-check", "--resume", "0");
    const { connect, port } = await lab.connect("flood", "--resume", "0");
    const accepted = service.accept();
    const client = new Client(port);
    const atService = fateOf((await accepted).resume());
    await client.receive(1_000_000);
    client.socket.pause(); // the sender fills what is on the way, and rests

    await { router, expose, connect }[victim].end("SIGKILL");
    client.socket.resume();
    // A process that is killed leaves its sockets to the system, which resets those with unread bytes and may end the
    // others.
    if (victim !== "connect") expect(await client.over).toBe("ECONNRESET");
    if (victim !== "expose") expect(await atService).toMatch(/ECONNRESET|EPIPE/);
  });
});

describe.concurrent("a process that is killed in the middle of an upload", () => {
  test.each(["expose", "connect"] as const)("breaks the tunnel at the other side: %s", async (victim) => {
    await using lab = new MixedLab(victim);
    await using service = await startService();
    await lab.router();
    const expose = await lab.expose("uploads", service.target, "--no-check", "--resume", "1s");
    const { connect, port } = await lab.connect("uploads", "--resume", "1s");
    const accepted = service.accept();
    const client = new Client(port);
    client.socket.write("half of a fi");
    const atService = await accepted;
    const fate = fateOf(atService);
    await once(atService, "data");
    await { expose, connect }[victim].end("SIGKILL");
    // The system closes the sockets of the killed process itself; the other side is told by the router, waits for it
    // in vain, and resets its own.
    const detached = await (victim === "expose" ? connect : expose).event("stream-detached");
    expect(detached).toMatchObject({ id: 1, error: "the other side of the stream is gone" });
    expect(await (victim === "expose" ? client.over : fate)).toBe("ECONNRESET");
  });
});

describe.concurrent("a transfer that was sent whole", () => {
  test("arrives whole at a reader that pauses, though expose ends meanwhile", async () => {
    await using lab = new MixedLab("expose");
    const content = randomBytes(200_000);
    await using service = await startService((socket) => socket.end(content));
    const { router } = await lab.router();
    const expose = await lab.expose("file", service.target, "--no-check");
    const { connect, port } = await lab.connect("file");
    const client = new Client(port);
    client.socket.pause();
    client.socket.end();
    expect(await expose.event("connection-closed")).not.toHaveProperty("error");
    // By SIGKILL the system may drop what it has not sent yet: only an acknowledgement by the peer could tell.
    await expose.end("SIGTERM");
    await router.event("router-listener-removed");
    client.socket.resume();
    expect(await client.over).toBe("end");
    expect(client.received.equals(content)).toBe(true);
    expect(await connect.event("connection-closed")).not.toHaveProperty("error");
  });
});

describe.concurrent("--linger of a router", () => {
  test("cuts off a reader that takes nothing of what its lost other side has sent: its target is reset", async () => {
    await using lab = new MixedLab("connect");
    await using stuck = await startService((socket) => socket.pause());
    await using echo = await startService((socket) => socket.pipe(socket));
    const router = lab.start("router", "--listen", "127.0.0.1:0", "--linger", "200ms", "--metrics", "0");
    const { metrics } = await router.event("listening");
    const expose = await lab.expose("stuck", stuck.target, "--no-check", "--resume", "0");
    await lab.expose("echo", echo.target);
    const { connect, port } = await lab.connect("stuck", "--resume", "0");
    const neighbour = new Client((await lab.connect("echo")).port);
    const accepted = stuck.accept();
    const client = new Client(port);
    flood(client.socket);
    const atTarget = await accepted;
    await untilFull(neighbour, () => client.socket.bytesWritten);
    await connect.end("SIGKILL");
    await router.event("router-closed");
    // Without the limit the peer would linger until the target has taken everything, and the target takes nothing.
    let page = "";
    while (!/^trunkline_lingering_peers 0$/m.test(page))
      page = await (await fetch(`http://${String(metrics)}/metrics`)).text();
    expect(await fateOf(atTarget.resume())).toBe("ECONNRESET");
    const reset = "the server reset the call with CANCEL: the peer reset the stream";
    expect(await expose.event("connection-closed")).toMatchObject({ error: reset });
    neighbour.socket.destroy();
  });
});

describe.concurrent("a way that is dead without a word", () => {
  test("is noticed by expose and connect after --keepalive and --keepalive-timeout", async () => {
    await using lab = new MixedLab("router");
    await using service = await startService((socket) => socket.pipe(socket));
    const { router } = await lab.router();
    const times = ["--keepalive", "500ms", "--keepalive-timeout", "500ms", "--resume", "1s"];
    const expose = await lab.expose("echo", service.target, ...times);
    const { connect, port } = await lab.connect("echo", ...times);
    const client = new Client(port);
    client.socket.write("x");
    await client.receive(1);
    // A stopped process keeps its connections open and answers nothing, as a network does that is cut.
    router.kill("SIGSTOP");
    expect(await client.over).toBe("ECONNRESET");
    expect(await connect.event("connection-closed")).toHaveProperty("error");
    await expose.event("router-lost");
  });

  test("is noticed by the router, which tells the other side and frees the name", async () => {
    await using lab = new MixedLab("expose");
    await using service = await startService((socket) => socket.pipe(socket));
    const { router } = await lab.router("--keepalive", "500ms", "--keepalive-timeout", "500ms");
    const expose = await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo", "--resume", "1s");
    const client = new Client(port);
    client.socket.write("x");
    await client.receive(1);
    expose.kill("SIGSTOP");
    expect(await client.over).toBe("ECONNRESET");
    expect(await router.event("router-listener-removed")).toMatchObject({ name: "echo" });
  });
});

describe.concurrent("what was lost comes back", () => {
  test("expose with nothing but an endpoint and a token waits for its router as long as it takes", async () => {
    await using lab = new MixedLab("router");
    await using elsewhere = new MixedLab("expose");
    await using service = await startService((socket) => socket.pipe(socket));
    const { router, endpoint } = await lab.router();
    const minted = lab.run(["token", "mint", "me"]);
    expect(await minted.exit).toBe(0);
    const access = ["--endpoint", endpoint, "--token-file", elsewhere.file("token", minted.stdout)];
    const expose = await elsewhere.expose("echo", service.target, ...access);

    await router.end("SIGKILL");
    await expose.event("router-lost");
    // Nothing but its next attempt keeps the process alive now. It once ended here with 13, Node's code for an
    // unfinished wait.
    const again = lab.start("router", "--listen", endpoint);
    const back = again.event("listening").then(() => expose.event("exposed"));
    expect(await Promise.race([expose.exit, back])).toMatchObject({ endpoint });
    const { port } = await lab.connect("echo");
    const client = new Client(port);
    client.socket.end("here");
    expect(await client.over).toBe("end");
  });

  test("a connection whose offer went to an expose that was killed meanwhile is offered to its successor", async () => {
    await using lab = new MixedLab("expose");
    await using service = await startService((socket) => socket.pipe(socket));
    const { router } = await lab.router();
    const expose = await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo", "--wait", "10m");

    // A stopped process takes no offer, and to the router it is still there: the moment between a SIGKILL and its
    // notice, at length.
    expose.kill("SIGSTOP");
    const client = new Client(port);
    client.socket.end("patience");
    await router.event("router-dialled");
    await expose.end("SIGKILL");
    await lab.expose("echo", service.target);
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("patience");
  });

  test("expose and connect go on by themselves after the router was killed and started again", async () => {
    await using lab = new MixedLab("router");
    await using service = await startService((socket) => socket.pipe(socket));
    const { router, endpoint } = await lab.router();
    const expose = await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo", "--wait", "10m");
    const before = new Client(port);
    before.socket.write("before");
    await before.receive(6);

    await router.end("SIGKILL");
    await expose.event("router-lost");
    const again = lab.start("router", "--listen", endpoint);
    await again.event("listening");
    await expose.event("exposed");
    before.socket.end(" and after");
    expect(await before.over).toBe("end");
    expect(before.received.toString()).toBe("before and after");
    const after = new Client(port);
    after.socket.end("after");
    expect(await after.over).toBe("end");
    expect(after.received.toString()).toBe("after");
  });

  test.each([
    ["killed", "SIGKILL"],
    ["ended in order", "SIGTERM"],
  ] as const)("a download does not notice that its router is %s and started again", async (_, signal) => {
    await using lab = new MixedLab("router");
    const content = randomBytes(sized(24_000_000, 48_000_000)); // more than sockets and windows hold
    await using service = await startService((socket) => socket.end(content));
    const { router, endpoint } = await lab.router();
    await lab.expose("file", service.target, "--no-check");
    const { connect, port } = await lab.connect("file");
    const client = new Client(port);
    client.socket.end();
    await client.receive(1_000_000);
    client.socket.pause();
    await router.end(signal);
    expect(await connect.event("stream-detached")).toMatchObject({ id: 1, name: "file" });
    await lab.start("router", "--listen", endpoint).event("listening");
    client.socket.resume();
    expect(await connect.event("stream-resumed")).toMatchObject({ id: 1, pausedMs: expect.any(Number) });
    expect(await client.over).toBe("end");
    expect(client.received.equals(content)).toBe(true);
    expect(await connect.event("connection-closed")).not.toHaveProperty("error");
  });

  test("a connection goes on at the second --endpoint when the router of the first is killed", async () => {
    await using lab = new MixedLab("router");
    await using service = await startService((socket) => socket.pipe(socket));
    const key = lab.file("key", "a key that only this test uses, and long enough");
    const first = await lab.router("--key-file", key);
    const second = await lab.router("--key-file", key);
    const minted = lab.run(["token", "mint", "me", "--key-file", key]);
    expect(await minted.exit).toBe(0);
    const ways = [first, second].flatMap(({ endpoint }) => ["--endpoint", endpoint]);
    const access = [...ways, "--token-file", lab.file("token", minted.stdout)];
    await lab.expose("echo", service.target, ...access);
    const { port } = await lab.connect("echo", ...access);
    const client = new Client(port);
    client.socket.write("before");
    await client.receive(6);
    await first.router.end("SIGKILL");
    client.socket.end(" and after");
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("before and after");
  });

  test("a connection made while expose is restarted waits for it", async () => {
    await using lab = new MixedLab("expose");
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const expose = await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo", "--wait", "10m");

    await expose.end("SIGKILL");
    const client = new Client(port);
    await once(client.socket, "connect");
    await lab.expose("echo", service.target);
    client.socket.end("patience");
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("patience");
  });
});
