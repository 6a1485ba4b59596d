/** The handshake of a server over a connection that exists already. */
import net from "node:net";
import { duplexPair } from "node:stream";
import { afterEach, expect, it } from "vitest";
import type { TcpAddress } from "../../src/index.js";
import { acceptTls, startTls } from "../../src/node/index.js";
import { authority, certificateOf, closeAll, serve } from "../support/servers.js";

afterEach(closeAll);

/** Returns both ends of a TCP connection. */
async function pair(): Promise<readonly [client: net.Socket, server: net.Socket]> {
  let accepted = (_: net.Socket): void => {};
  const server = new Promise<net.Socket>((resolve) => {
    accepted = resolve;
  });
  const { port } = (await serve(net.createServer((socket) => accepted(socket)))) as TcpAddress;
  return [net.connect(port, "127.0.0.1"), await server];
}

const name = "a client";

it("resolves with the secured socket, on which data can be read", async () => {
  const [client, server] = await pair();
  const accepting = acceptTls(server, certificateOf("server"), { name });
  const secured = await startTls(client, { ca: authority, servername: "localhost" }, { name: "it" });
  secured.end("hello");
  const chunks: Buffer[] = [];
  for await (const chunk of await accepting) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toBe("hello");
  secured.destroy();
});

it("names the client that does not speak TLS, and closes its connection", async () => {
  const [client, server] = await pair();
  client.on("error", () => {});
  client.write("GET / HTTP/1.1\r\n\r\n");
  await expect(acceptTls(server, certificateOf("server"), { name })).rejects.toMatchObject({
    code: "NOT_TLS",
    message: "cannot accept a client: the client does not speak TLS here, but plaintext",
  });
  expect(server.destroyed).toBe(true);
  client.destroy();
});

it("reports a client that goes away during the handshake", async () => {
  const [client, server] = await pair();
  const accepting = acceptTls(server, certificateOf("server"), { name });
  client.destroy();
  await expect(accepting).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
});

it("reports a half-open duplex that ends during the handshake", async () => {
  const [client, server] = duplexPair();
  const accepting = acceptTls(server, certificateOf("server"), { name });
  client.end(Buffer.from("160301", "hex"));
  await expect(accepting).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
  expect(server.destroyed).toBe(true);
});

it("rejects with the reason of its signal, and closes the connection", async () => {
  const [client, server] = await pair();
  const reason = new Error("enough");
  const controller = new AbortController();
  const accepting = acceptTls(server, certificateOf("server"), { name, signal: controller.signal });
  controller.abort(reason);
  await expect(accepting).rejects.toBe(reason);
  await expect(acceptTls(server, {}, { name, signal: controller.signal })).rejects.toBe(reason);
  expect(server.destroyed).toBe(true);
  client.destroy();
});

it("refuses a key that is none", async () => {
  const [client, server] = await pair();
  const secure = { cert: certificateOf("server").cert, key: "nothing" };
  await expect(acceptTls(server, secure, { name })).rejects.toThrow(TypeError);
  client.destroy();
  server.destroy();
});
