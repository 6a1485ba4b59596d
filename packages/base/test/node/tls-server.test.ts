import { once } from "node:events";
import net from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { TcpAddress } from "../../src/index.js";
import { createTlsServer, dialTls, type TlsServerOptions, type TransportError } from "../../src/node/index.js";
import { authority, certificateOf, closeAll, serve } from "../support/servers.js";
import { until } from "../support/waiting.js";

afterEach(closeAll);

async function tlsServer(options: Partial<TlsServerOptions> = {}) {
  const refusals: TransportError[] = [];
  const onRefused = (error: TransportError): void => void refusals.push(error);
  const server = createTlsServer({ tls: certificateOf("server"), onRefused, ...options });
  server.on("secureConnection", (socket) => socket.on("error", () => {}).end("welcome"));
  return { server, refusals, address: (await serve(server)) as TcpAddress };
}

async function silentClient(address: TcpAddress): Promise<net.Socket> {
  const socket = net.connect(address);
  socket.on("error", () => {}).resume();
  await once(socket, "connect");
  return socket;
}

const closed = (socket: net.Socket): Promise<Error | null> =>
  new Promise((resolve) => socket.once("close", () => resolve(socket.errored)));

describe("a TLS server", () => {
  it("names a client that speaks no TLS, and where it came from", async () => {
    const { refusals, address } = await tlsServer();
    const client = await silentClient(address);
    const from = client.localPort;
    client.end("GET / HTTP/1.1\r\n\r\n");
    await until(() => refusals.length === 1, "the refusal");
    expect(refusals[0]).toMatchObject({
      code: "NOT_TLS",
      message: `a connection from 127.0.0.1:${from} was refused: the client does not speak TLS here, but plaintext`,
    });
  });

  it("goes on after a refusal, whatever its callback throws", async () => {
    const onRefused = (): never => {
      throw new Error("the log is full");
    };
    const { address } = await tlsServer({ onRefused });
    const client = await silentClient(address);
    const end = closed(client);
    client.write("no TLS at all");
    await end;
    const socket = await dialTls(address, { ca: authority });
    expect(String((await once(socket, "data"))[0])).toBe("welcome");
    socket.destroy();
  });

  it("resets one handshake too many, by the name of its limit, and takes others once one has ended", async () => {
    const { server, refusals, address } = await tlsServer({ handshakeLimit: { name: "maxHandshakes", count: 2 } });
    let finished = 0;
    server.on("secureConnection", () => finished++);
    const silent = [await silentClient(address), await silentClient(address)];
    const third = net
      .connect(address)
      .on("error", () => {})
      .resume();
    expect(await closed(third)).toMatchObject({ code: "ECONNRESET" });
    expect(refusals).toMatchObject([
      {
        code: "TOO_MANY_HANDSHAKES",
        message: expect.stringContaining("as many connections as maxHandshakes (2) allows are in the handshake"),
      },
    ]);
    silent[0]?.destroy();
    let socket: net.Socket | undefined;
    // The server has to notice first that the client has left.
    while (socket === undefined) socket = await dialTls(address, { ca: authority }).catch(() => undefined);
    await until(() => finished > 0, "the end of the handshake at the server");
    // A finished handshake counts no more.
    const another = await dialTls(address, { ca: authority });
    for (const each of [socket, another, ...silent]) each.destroy();
  });

  it("ends handshakes when it closes, without a report", async () => {
    const { server, refusals, address } = await tlsServer();
    const accepted = once(server, "connection");
    const silent = await silentClient(address);
    await accepted;
    const end = closed(silent);
    await new Promise((resolve) => server.close(resolve));
    await end;
    expect(refusals).toEqual([]);
  });

  it("refuses options that OpenSSL cannot use", () => {
    expect(() => createTlsServer({ tls: { ...certificateOf("server"), key: "no key" } })).toThrow(
      "the tls options cannot be used",
    );
  });
});
