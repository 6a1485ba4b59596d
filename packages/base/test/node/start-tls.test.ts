/** The handshake of a client over a connection that exists already. */
import net from "node:net";
import tls from "node:tls";
import { afterEach, expect, it } from "vitest";
import type { TcpAddress } from "../../src/index.js";
import { startTls } from "../../src/node/index.js";
import { authority, certificateOf, closeAll, serve } from "../support/servers.js";

afterEach(closeAll);

it("resolves with the secured socket, also with a signal that has not fired", async () => {
  const server = tls.createServer(certificateOf("server"), (socket) => socket.on("error", () => {}));
  const { port } = (await serve(server)) as TcpAddress;
  const socket = net.connect(port, "127.0.0.1");
  const secure = { ca: authority, servername: "localhost" };
  const secured = await startTls(socket, secure, { name: "it", signal: new AbortController().signal });
  expect(secured.authorized).toBe(true);
  secured.destroy();
});

it("rejects with the reason of a signal that has fired, and begins no handshake", async () => {
  const reason = new Error("enough");
  const socket = new net.Socket();
  await expect(startTls(socket, {}, { name: "it", signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(socket.listenerCount("error")).toBe(0);
  socket.destroy();
});
