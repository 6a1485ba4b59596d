import { once } from "node:events";
import { existsSync } from "node:fs";
import { link, readFile, writeFile } from "node:fs/promises";
import net from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { TcpAddress } from "../../src/index.js";
import { ListenError, listenOn, maxSocketPathBytes, probeSocket } from "../../src/node/index.js";
import { closeAll, serve, temporaryFolder } from "../support/servers.js";

afterEach(closeAll);

/** Leaves the file of a socket on which nothing listens, as a killed process does. */
async function leaveSocket(path: string): Promise<void> {
  const server = net.createServer();
  await listenOn(server, { path });
  await link(path, `${path}.kept`);
  await new Promise((resolve) => server.close(resolve));
  await link(`${path}.kept`, path);
}

describe("listening", () => {
  it("returns the bound address", async () => {
    const { host, port } = (await serve()) as TcpAddress;
    expect(host).toBe("127.0.0.1");
    expect(port).toBeGreaterThan(0);
    const path = join(await temporaryFolder(), "socket");
    expect(await serve(undefined, { path })).toEqual({ path });
  });

  it("asks the system to keep more connections of a burst than Node does by default", async () => {
    const server = net.createServer();
    const listen = vi.spyOn(server, "listen");
    await serve(server);
    expect(listen.mock.calls[0]?.[0]).toMatchObject({ backlog: 4_096 });
  });

  it("names the address and the system's code where it is in use", async () => {
    const bound = (await serve()) as TcpAddress;
    const failed = listenOn(net.createServer(), bound);
    await expect(failed).rejects.toBeInstanceOf(ListenError);
    await expect(failed).rejects.toMatchObject({
      code: "EADDRINUSE",
      message: expect.stringContaining(`cannot listen on 127.0.0.1:${bound.port}: `),
    });
  });

  it("replaces the socket that a killed process has left behind", async () => {
    const path = join(await temporaryFolder(), "left");
    await leaveSocket(path);
    expect(await probeSocket(path)).toBe("abandoned");
    await serve(undefined, { path });
    expect(await probeSocket(path)).toBe("listening");
  });

  it("closes the connection with which it looks whether a process listens", async () => {
    const path = join(await temporaryFolder(), "probed");
    const server = net.createServer((socket) => socket.resume());
    const probed = once(server, "connection");
    await serve(server, { path });
    expect(await probeSocket(path)).toBe("listening");
    const [socket] = (await probed) as [net.Socket];
    if (!socket.closed) await once(socket, "close");
  });

  it("replaces neither a socket in use nor another kind of file", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "live");
    await serve(undefined, { path });
    await expect(listenOn(net.createServer(), { path })).rejects.toMatchObject({
      code: "EADDRINUSE",
      message: `cannot listen on unix:${path}: another process listens on it`,
    });
    const file = join(folder, "file");
    await writeFile(file, "precious");
    await expect(listenOn(net.createServer(), { path: file })).rejects.toMatchObject({
      code: "EADDRINUSE",
      message: `cannot listen on unix:${file}: a file that is no socket is there`,
    });
    expect(await readFile(file, "utf8")).toBe("precious");
  });

  it("says that a folder is missing, not that a permission is", async () => {
    const folder = join(await temporaryFolder(), "missing");
    await expect(listenOn(net.createServer(), { path: join(folder, "socket") })).rejects.toMatchObject({
      code: "ENOENT",
      message: `cannot listen on unix:${folder}/socket: there is no folder ${folder}`,
    });
  });

  it("refuses a path that the system would cut, and makes no file (nodejs/node#48316)", async () => {
    const folder = await temporaryFolder();
    const path = `${folder}/${"x".repeat(maxSocketPathBytes - folder.length)}`;
    await expect(listenOn(net.createServer(), { path })).rejects.toMatchObject({ code: "SOCKET_PATH_TOO_LONG" });
    expect(existsSync(path.slice(0, maxSocketPathBytes))).toBe(false);
  });

  it("refuses a port that is out of its range", async () => {
    await expect(listenOn(net.createServer(), { host: "127.0.0.1", port: 70_000 })).rejects.toThrow(
      "port must be a whole number from 0 to 65535, not 70000",
    );
  });
});
