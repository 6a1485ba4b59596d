import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, openSync, renameSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";

const program = `
import { Server } from ${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)};
const server = new Server();
try {
  console.log(await server.listen("systemd:web"));
  process.stdin.once("data", () => server.close().then(() => process.exit(0))).resume();
} catch (error) {
  console.log(error.message);
}`;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function start(fd: number) {
  const args = ["-c", 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$0" --input-type=module -e "$1"'];
  const child = spawn("sh", [...args, process.execPath, program], { stdio: ["pipe", "pipe", "inherit", fd] });
  children.push(child);
  return { child, input: child.stdin as Writable, output: child.stdout as Readable };
}

function descriptor(server: net.Server): number {
  return (server as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
}

/** Says HTTP/2 to a server and returns the type of its first frame. */
async function firstFrame(address: net.NetConnectOpts): Promise<number | undefined> {
  const socket = net.connect(address);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");
  const [bytes] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return bytes[3];
}

test.skipIf(process.platform !== "linux")("a server takes a TCP socket that was passed to it", async () => {
  const parent = net.createServer().listen(0, "127.0.0.1");
  await once(parent, "listening");
  const { port } = parent.address() as net.AddressInfo;
  const { child, input, output } = start(descriptor(parent));
  parent.close();
  const [line] = await once(output, "data");
  expect(String(line)).toBe(`127.0.0.1:${port}\n`);
  expect(await firstFrame({ host: "127.0.0.1", port })).toBe(4);
  input.write("end");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test.skipIf(process.platform !== "linux")("the file of a passed Unix socket stays at close", async () => {
  const folder = mkdtempSync(join(tmpdir(), "systemd-"));
  const path = join(folder, "socket");
  const parent = net.createServer().listen(path);
  await once(parent, "listening");
  const { child, input, output } = start(descriptor(parent));
  renameSync(path, `${path}.kept`); // the parent removes the file that it has bound
  parent.close();
  await once(parent, "close");
  renameSync(`${path}.kept`, path);
  const [line] = await once(output, "data");
  expect(String(line)).toBe(`unix:${path}\n`);
  expect(await firstFrame({ path })).toBe(4);
  input.write("end");
  expect(await once(child, "exit")).toEqual([0, null]);
  expect(existsSync(path)).toBe(true);
  rmSync(folder, { recursive: true });
});

test.skipIf(process.platform !== "linux")("a descriptor that is no socket is refused by its name", async () => {
  const { output } = start(openSync("/dev/null", "r"));
  expect(await text(output)).toMatch(/^descriptor 3 of systemd, named web, is no listening stream socket: /);
});
