import { existsSync, statSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { connect as connectSecure } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { localAddress, type ObjectStream, remoteAddress } from "../../src/index.js";
import {
  connectTls,
  connectUnix,
  listenTls,
  listenUnix,
  type SocketListener,
  temporarySocketPath,
  tlsIdentity,
} from "../../src/node/index.js";
import { VirtualClock } from "../../src/testing/index.js";
import { cert, key } from "./tls-identity.js";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function until<T extends SocketListener>(listener: T): T {
  closers.push(() => listener.close());
  return listener;
}

const target = (listener: SocketListener) => listener.address as { host: string; port: number };

describe("TLS", () => {
  test("both ends have addresses and know each other's identity", async () => {
    const listener = until(
      await listenTls({
        tls: { key, cert, ca: cert, requestCert: true, rejectUnauthorized: false, ALPNProtocols: ["chat"] },
      }),
    );
    const accepting = listener.accept();
    const client = await connectTls(target(listener), {
      tls: { key, cert, ca: cert, servername: "localhost", ALPNProtocols: ["chat"] },
    });
    const server = (await accepting) as ObjectStream<Uint8Array>;
    expect(client.extra(remoteAddress)).toEqual(listener.address);
    expect(server.extra(remoteAddress)).toEqual(client.extra(localAddress));
    for (const end of [client, server]) {
      const identity = end.extra(tlsIdentity);
      expect(identity).toMatchObject({
        protocol: "TLSv1.3",
        alpnProtocol: "chat",
        serverName: "localhost",
        authorized: true,
      });
      expect(identity?.peerCertificate).toMatchObject({
        commonName: "localhost",
        issuerCommonName: "localhost",
        subjectAltName: "DNS:localhost, IP Address:127.0.0.1",
      });
      expect(identity?.peerCertificate?.fingerprint256).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
      end.abort();
    }
  });

  test("a client without a certificate has none, and a server that is not trusted is refused by name", async () => {
    const errors: Error[] = [];
    const listener = until(await listenTls({ tls: { key, cert }, onError: (error) => errors.push(error) }));
    const accepting = listener.accept();
    const client = await connectTls(target(listener), { tls: { ca: cert } });
    const server = (await accepting) as ObjectStream<Uint8Array>;
    expect(server.extra(tlsIdentity)).toMatchObject({
      authorized: false,
      peerCertificate: undefined,
      serverName: undefined,
    });
    client.abort();
    server.abort();
    await expect(connectTls(target(listener))).rejects.toMatchObject({
      name: "BrokenStreamError",
      code: "DEPTH_ZERO_SELF_SIGNED_CERT",
    });
    await expect(
      connectTls(target(listener), { tls: { ca: cert, servername: "other.example" } }),
    ).rejects.toMatchObject({
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
  });

  test("a resumed session that never had a client certificate is not authorized, whatever Node says", async () => {
    const asking = { key, cert, ca: cert, requestCert: true, rejectUnauthorized: false };
    const listener = until(await listenTls({ tls: asking }));
    const dial = async (session?: Buffer) => {
      const accepting = listener.accept();
      const socket = connectSecure({ ...target(listener), ca: cert, servername: "localhost", session });
      const ticket = new Promise<Buffer>((resolve) => socket.once("session", resolve));
      const server = (await accepting) as ObjectStream<Uint8Array>;
      socket.resume();
      const identity = server.extra(tlsIdentity);
      return { identity, ticket, resumed: socket.isSessionReused(), end: () => socket.destroy() };
    };
    const first = await dial();
    const ticket = await first.ticket;
    first.end();
    const again = await dial(ticket);
    again.end();
    expect(again.resumed).toBe(true);
    expect(again.identity).toMatchObject({ authorized: false, peerCertificate: undefined });
  });

  test("what is no handshake is told to onError and never accepted", async () => {
    let told = (_: Error): void => {};
    const error = new Promise<Error>((resolve) => {
      told = resolve;
    });
    const listener = until(await listenTls({ tls: { key, cert }, onError: (reason) => told(reason) }));
    const socket = connect(target(listener));
    socket.on("error", () => {});
    socket.end("GET / HTTP/1.1\r\n\r\n");
    expect(await error).toBeInstanceOf(Error);
    socket.destroy();
  });

  test("silent clients are limited, and one more is reset", async () => {
    const listener = until(await listenTls({ tls: { key, cert }, maxPendingConnections: 2 }));
    const sockets: Socket[] = [];
    const reset = new Promise<string | undefined>((resolve) => {
      for (let count = 0; count < 3; count++) {
        const socket = connect(target(listener));
        socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
        socket.resume();
        sockets.push(socket);
      }
    });
    expect(await reset).toBe("ECONNRESET");
    for (const socket of sockets) socket.destroy();
    const accepting = listener.accept();
    let client: ObjectStream<Uint8Array> | undefined;
    // The server has to notice first that they are gone.
    while (client === undefined)
      client = await connectTls(target(listener), { tls: { ca: cert } }).catch(() => undefined);
    const server = (await accepting) as ObjectStream<Uint8Array>;
    await client.send(new Uint8Array(1));
    expect(await server.receive()).toHaveLength(1);
    client.abort();
    server.abort();
  });

  test("connections that are open do not count as being in the handshake", async () => {
    const listener = until(await listenTls({ tls: { key, cert }, maxPendingConnections: 1 }));
    const open: ObjectStream<Uint8Array>[] = [];
    for (let count = 0; count < 4; count++) {
      const accepting = listener.accept();
      open.push(
        await connectTls(target(listener), { tls: { ca: cert } }),
        (await accepting) as ObjectStream<Uint8Array>,
      );
    }
    for (const stream of open) stream.abort();
  });

  test("a server that never answers the handshake is given up after connectTimeoutMs", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    closers.push(() => silent.close());
    const clock = new VirtualClock();
    const address = silent.address() as { port: number };
    const accepted = new Promise<Socket>((resolve) => silent.once("connection", resolve));
    const connecting = connectTls({ host: "127.0.0.1", port: address.port }, { clock, connectTimeoutMs: 70 });
    connecting.catch(() => {});
    (await accepted).on("error", () => {});
    clock.advance(70);
    await expect(connecting).rejects.toMatchObject({ code: "CONNECT_TIMEOUT" });
  });

  test("bad limits are refused", async () => {
    await expect(listenTls({ tls: {}, handshakeTimeoutMs: 0 })).rejects.toThrow(
      "handshakeTimeoutMs must be a whole number from 1 to 2147483647, not 0",
    );
    await expect(listenTls({ tls: {}, maxPendingConnections: 0 })).rejects.toThrow(
      "maxPendingConnections must be a whole number from 1 on, not 0",
    );
  });
});

describe("a temporary path for a socket", () => {
  test("is in a folder that only its user may enter, and is gone afterwards", async () => {
    const place = await temporarySocketPath();
    expect(statSync(dirname(place.path)).mode & 0o777).toBe(0o700);
    const listener = await listenUnix(place.path);
    const accepting = listener.accept();
    const client = await connectUnix(place.path);
    (await accepting)?.abort();
    client.abort();
    await listener.close();
    await place.remove();
    await place[Symbol.asyncDispose]();
    expect(existsSync(dirname(place.path))).toBe(false);
  });

  test("that would be too long for a socket is refused", async () => {
    await expect(temporarySocketPath(`/${"x".repeat(100)}`)).rejects.toThrow(
      /of 125 bytes .* longer than every system takes \(103\)/,
    );
  });
});
