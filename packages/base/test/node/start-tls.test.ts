/** The handshake of a client over a connection that exists already. */
import { EventEmitter } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { afterEach, expect, it } from "vitest";
import type { TcpAddress } from "../../src/index.js";
import { startTls } from "../../src/node/index.js";
import { handshake } from "../../src/node/start-tls.js";
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

it("leaves none of its listeners on the socket but the one for errors", async () => {
  const socket = new EventEmitter() as tls.TLSSocket;
  const done = handshake(socket, "it", undefined);
  socket.emit("secureConnect");
  expect(await done).toBe(socket);
  expect(socket.eventNames()).toEqual(["error"]);
});

it("rejects with the reason of a signal that has fired, and begins no handshake", async () => {
  const reason = new Error("enough");
  const socket = new net.Socket();
  await expect(startTls(socket, {}, { name: "it", signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(socket.listenerCount("error")).toBe(0);
  socket.destroy();
});
