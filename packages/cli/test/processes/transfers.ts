import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { ProcessLab } from "../support/lab.js";
import { Client, startService } from "../support/services.js";

const fileBytes = 40_000_000;

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe.concurrent("bytes through router, expose and connect in processes of their own", () => {
  test("a file arrives whole, and both sides count the same bytes", async () => {
    await using lab = new ProcessLab();
    const content = randomBytes(fileBytes);
    const path = lab.file("sample.bin", content);
    await using service = await startService((socket) => void pipeline(createReadStream(path), socket).catch(() => {}));
    await lab.router();
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
    await using lab = new ProcessLab();
    const content = randomBytes(fileBytes / 4);
    await using service = await startService((socket) => {
      const hash = createHash("sha256");
      socket.on("data", (chunk) => hash.update(chunk));
      socket.on("end", () => socket.end(hash.digest("hex")));
    });
    await lab.router();
    await lab.expose("sums", service.target);
    const { port } = await lab.connect("sums");

    const client = new Client(port);
    client.socket.end(content); // the answer can only come because the end is passed on while the other direction stays open
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe(sha256(content));
  });

  test("many connections at once do not mix, and one that is not read holds up no other", async () => {
    await using lab = new ProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo");

    const stalled = new Client(port);
    stalled.socket.pause();
    stalled.socket.write(randomBytes(8_000_000));
    const answers = await Promise.all(
      Array.from({ length: 100 }, async () => {
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

  test("a reader that stops stops the sender at the other end", async () => {
    await using lab = new ProcessLab();
    let written = 0;
    let full = (): void => {};
    const isFull = new Promise<void>((resolve) => {
      full = resolve;
    });
    const piece = Buffer.alloc(64 * 1024);
    const limit = 512 * 1024 * 1024;
    await using service = await startService((socket) => {
      let quiet: NodeJS.Timeout | undefined;
      const write = (): void => {
        clearTimeout(quiet);
        do written += piece.length;
        while (written < limit && socket.write(piece) === true);
        quiet = setTimeout(full, 300); // no room for this long: everything on the way is full
      };
      socket.on("drain", write);
      write();
    });
    await lab.router();
    await lab.expose("flood", service.target, "--no-check");
    const { port } = await lab.connect("flood");

    const client = new Client(port);
    client.socket.pause();
    await isFull;
    expect(written).toBeLessThan(limit / 4);
    client.socket.destroy();
  });
});
