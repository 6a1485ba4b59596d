/**
 * Streams in processes of their own, on the built package: what only a real stdin, stdout or end of a process shows.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));

/** Runs a shell script to its end. `$NODE` is this Node. */
async function run(script: string): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const child = spawn("sh", ["-c", script], { env: { ...process.env, NODE: process.execPath } });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { out, err, code: code as number };
}

describe("stdio", () => {
  test("ends well into a pipe, after all bytes", async () => {
    expect(await run(`echo hi | "$NODE" ${program("copy-stdio")} | cat`)).toEqual({
      code: 0,
      out: "hi\n",
      err: "copied 3\n",
    });
  });

  test("ends well into a file, with much input", async () => {
    const folder = await mkdtemp(join(tmpdir(), "stdio-"));
    const script = `head -c 3000000 /dev/zero | "$NODE" ${program("copy-stdio")} > ${folder}/out`;
    expect(await run(script)).toEqual({ code: 0, out: "", err: "copied 3000000\n" });
    expect((await readFile(`${folder}/out`)).length).toBe(3_000_000);
    await rm(folder, { recursive: true });
  });

  test("keeps the rest of stdin when the other side of a forward half-closes first", async () => {
    let received = 0;
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.end("all that I have to say\n"); // stdout ends, and its `close` must not break the way from stdin
      socket.on("data", (chunk) => {
        received += chunk.length;
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const script = `(sleep 0.5; head -c 200000 /dev/zero) | "$NODE" ${program("forward-stdio")} ${port} | cat`;
    expect(await run(script)).toEqual({
      code: 0,
      out: "all that I have to say\n",
      err: "sent 200000, received 23\n",
    });
    expect(received).toBe(200_000);
    server.close();
  });
});

test("a process does not end in the middle of a copy that waits for its rate", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rate-"));
  await writeFile(`${folder}/from`, Buffer.alloc(10_000, 7));
  expect(await run(`"$NODE" ${program("copy-rate-limited")} ${folder}/from ${folder}/to`)).toEqual({
    code: 0,
    out: "copied 10000\n",
    err: "",
  });
  expect((await readFile(`${folder}/to`)).length).toBe(10_000);
  await rm(folder, { recursive: true });
});
