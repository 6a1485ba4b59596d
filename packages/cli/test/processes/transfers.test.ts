import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import { untilFull } from "../support/full-way.js";
import { disposeLabs, ProcessLab } from "../support/lab.js";
import { publishCommand } from "../support/process-run.js";
import { Client, startService } from "../support/services.js";

const fileBytes = sized(4_000_000, 16_000_000);

/** The lab of all tests of this file: they share its router, each with a name of its own. */
let lab: ProcessLab;
beforeAll(async () => {
  await publishCommand();
  lab = new ProcessLab();
  await lab.router();
}, 120_000);
afterAll(disposeLabs);

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe.concurrent("bytes through router, expose and connect in processes of their own", () => {
  test("a file arrives whole, and both sides count the same bytes", async () => {
    const content = randomBytes(fileBytes);
    const path = lab.file("sample.bin", content);
    await using service = await startService((socket) => void pipeline(createReadStream(path), socket).catch(() => {}));
    const expose = await lab.expose("files", service.target);
    const { connect, port } = await lab.connect("files");

    const client = new Client(port);
    client.socket.end();
    expect(await client.over).toBe("end");
    expect(client.received.length).toBe(fileBytes);
    expect(sha256(client.received)).toBe(sha256(content));
    for (const run of [expose, connect]) {
      const closed = await run.event("connection-closed");
      expect(closed).toMatchObject({ name: "files", bytesToTarget: 0, bytesFromTarget: fileBytes });
      expect(closed).not.toHaveProperty("error");
    }
  });

  test("a file goes up whole as well", async () => {
    const content = randomBytes(fileBytes / 4);
    await using service = await startService((socket) => {
      const hash = createHash("sha256");
      socket.on("data", (chunk) => hash.update(chunk));
      socket.on("end", () => socket.end(hash.digest("hex")));
    });
    await lab.expose("sums", service.target);
    const { port } = await lab.connect("sums");

    const client = new Client(port);
    // The answer can only come because the end is passed on while the other direction stays open.
    client.socket.end(content);
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe(sha256(content));
  });

  test("many connections at once do not mix, and one that is not read holds up no other", async () => {
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo");

    const stalled = new Client(port);
    stalled.socket.pause();
    stalled.socket.write(randomBytes(8_000_000));
    const answers = await Promise.all(
      Array.from({ length: sized(30, 100) }, async () => {
        const sent = randomBytes(50_000);
        const client = new Client(port);
        client.socket.end(sent);
        return { over: await client.over, same: client.received.equals(sent) };
      }),
    );
    expect(answers.every(({ over, same }) => over === "end" && same)).toBe(true);
    stalled.socket.resume();
    expect((await stalled.receive(8_000_000)).length).toBe(8_000_000);
    stalled.socket.destroy();
  });

  test("hundreds of connections at once are all carried", async () => {
    await using service = await startService((socket) => socket.pipe(socket));
    const expose = await lab.expose("crowd", service.target);
    const { connect, port } = await lab.connect("crowd", "--wait", "10m");

    const count = sized(200, 400); // many times what may wait to be accepted by default
    const sent = randomBytes(1_000);
    const clients = Array.from({ length: count }, () => new Client(port));
    // All are connected before the first one ends, so that they are there at once.
    await Promise.all(clients.map(({ socket }) => once(socket, "connect")));
    for (const { socket } of clients) socket.end(sent);
    const fates = await Promise.all(clients.map(({ over }) => over));
    expect(fates.filter((fate) => fate !== "end")).toEqual([]);
    expect(clients.every(({ received }) => received.equals(sent))).toBe(true);
    expect(await connect.end("SIGTERM")).toBe(0);
    expect(await connect.event("summary")).toMatchObject({ connections: count, broken: 0, refused: 0 });
    // On a busy machine some were dialled twice, and the second stream was not needed.
    expect(await expose.end("SIGTERM")).toBe(0);
    expect(await expose.event("summary")).toMatchObject({ refused: 0 });
  });

  test("a reader that stops stops the sender at the other end", async () => {
    let written = 0;
    let drains = 0;
    const piece = Buffer.alloc(64 * 1024);
    const limit = 512 * 1024 * 1024;
    await using service = await startService((socket) => {
      socket.once("data", (first) => {
        if (first.toString() === "echo") {
          socket.pipe(socket);
          socket.write("ready");
          return;
        }
        const write = (): void => {
          drains++;
          do written += piece.length;
          while (written < limit && socket.write(piece) === true);
        };
        socket.on("drain", write);
        write();
      });
    });
    await lab.expose("service", service.target, "--no-check");
    const { port } = await lab.connect("service");

    const client = new Client(port);
    client.socket.pause();
    client.socket.write("flood");
    const neighbour = new Client(port);
    neighbour.socket.write("echo");
    await neighbour.receive(5);
    await untilFull(neighbour, () => (written >= limit ? limit : drains));
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(limit / 4);
    client.socket.destroy();
    neighbour.socket.destroy();
  });
});
