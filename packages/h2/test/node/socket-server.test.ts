/**
 * A server with TLS over time: certificates that change while connections live, options that cannot work, and its end.
 */
import { once } from "node:events";
import net from "node:net";
import type * as tls from "node:tls";
import { connect } from "node:tls";
import { VirtualClock } from "@trunkline/base/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { connectSocket, createSocketServer, HttpConnection, peerCertificate } from "../../src/node/index.js";
import { authority, certificateOf } from "../support/certificates.js";
import { request } from "../support/endpoint.js";
import { listen } from "../support/sockets.js";
import { cleanup, endOf, roundTrip, secureServer, trusting } from "../support/tls.js";

afterEach(() => cleanup.run());

describe("a TLS server that closes", () => {
  it("does not wait for handshakes, or for those that it has rejected", async () => {
    const { server, target, refused } = await secureServer({
      ca: authority,
      requestCert: true,
      handshakeTimeout: 120_000,
    });
    const accepted = new Promise((resolve) => server.once("connection", resolve));
    const silent = await connectSocket(target);
    silent.on("error", () => {});
    await accepted;
    const rejected = await connectSocket(target, { tls: trusting });
    rejected.on("error", () => {});
    await refused();
    await new Promise((resolve) => server.close(resolve));
  });

  it("leaves the sockets that it has given out to their users", async () => {
    const { server, target } = await secureServer();
    const socket = await connectSocket(target, { tls: trusting });
    const client = HttpConnection.connect(socket);
    const upload = await client.request(request);
    await upload.headers();
    const closed = new Promise((resolve) => server.close(resolve));
    await upload.send(Buffer.from("still here"), true);
    expect(Buffer.from(await upload.body()).toString()).toBe("still here");
    upload.release();
    await client.close();
    await closed;
  });
});

describe("a plaintext server that takes HTTP/1.1, too", () => {
  it("closes a connection that has sent no byte for ten seconds, and no other one", async () => {
    const clock = new VirtualClock();
    const taken: net.Socket[] = [];
    const options = { clock, onHttp1: (socket: net.Socket) => void taken.push(socket) };
    const server = createSocketServer(options, (socket) => void taken.push(socket));
    cleanup.add(() => void server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as net.AddressInfo;
    const connected = async (): Promise<{ client: net.Socket; accepted: net.Socket }> => {
      const accepted = once(server, "connection");
      const client = net.connect(port, "127.0.0.1").on("error", () => {});
      cleanup.add(() => void client.destroy());
      return { client, accepted: (await accepted)[0] as net.Socket };
    };
    const [silent, first, second] = [await connected(), await connected(), await connected()];
    first.client.write("G");
    second.client.write("P");
    await vi.waitFor(() => expect(taken).toHaveLength(2));
    expect(clock.pending).toBe(1);
    clock.advance(9_999);
    expect(silent.accepted.destroyed).toBe(false);
    clock.advance(1);
    expect([silent, first, second].map(({ accepted }) => accepted.destroyed)).toEqual([true, false, false]);
    expect(clock.pending).toBe(0);
  });
});

it("a server refuses the sockets past maxSockets, and says why", async () => {
  const refused: string[] = [];
  const taken: net.Socket[] = [];
  const options = { maxSockets: 2, onRefused: ({ message }: Error) => void refused.push(message) };
  const server = createSocketServer(options, (socket) => void taken.push(socket.on("error", () => {})));
  const target = (await listen(server, "tcp", cleanup)) as net.TcpNetConnectOpts;
  const dial = (): net.Socket => {
    const socket = net.connect(target).on("error", () => {});
    cleanup.add(() => void socket.destroy());
    return socket.resume();
  };
  for (const socket of [dial(), dial()]) await once(socket, "connect");
  await once(dial(), "close");
  await vi.waitFor(() => expect(taken).toHaveLength(2));
  expect(refused).toEqual(["as many sockets as the limit (2) allows are open"]);
});

describe("a TLS server that takes HTTP/1.1, too", () => {
  const http1 = async (client: tls.ConnectionOptions, options: tls.TlsOptions = {}): Promise<string> => {
    let resolve: (taken: string) => void = () => {};
    const taken = new Promise<string>((settle) => {
      resolve = settle;
    });
    const server = createSocketServer(
      {
        tls: { ...certificateOf("server"), ...options },
        onHttp1: (socket) => resolve(`HTTP/1.1: ${(socket as tls.TLSSocket).alpnProtocol}`),
        onRefused: ({ code }) => resolve(`refused: ${code}`),
      },
      () => resolve("HTTP/2"),
    );
    const target = (await listen(server, "tcp", cleanup)) as net.TcpNetConnectOpts;
    const socket = connect({ ...target, ...trusting, servername: "localhost", ...client }).on("error", () => {});
    cleanup.add(() => void socket.destroy());
    return await taken;
  };

  it("gives each client to what it asks for", async () => {
    expect(await http1({ ALPNProtocols: ["http/1.1"] })).toBe("HTTP/1.1: http/1.1");
    expect(await http1({})).toBe("HTTP/1.1: false");
    expect(await http1({ ALPNProtocols: ["h2", "http/1.1"] })).toBe("HTTP/2");
  });

  it("refuses HTTP/1.1 without a certificate only where one is required", async () => {
    const ask = { ALPNProtocols: ["http/1.1"] };
    const required = { ca: authority, requestCert: true };
    expect(await http1(ask, required)).toBe("refused: CERTIFICATE_REQUIRED");
    expect(await http1({ ...ask, ...certificateOf("client") }, required)).toBe("HTTP/1.1: http/1.1");
    expect(await http1(ask, { ...required, rejectUnauthorized: false })).toBe("HTTP/1.1: http/1.1");
  });
});

describe("certificates that change", () => {
  it("are shown to new connections, while those that there are go on", async () => {
    const { server, target } = await secureServer();
    const fingerprint = async () => {
      const socket = await connectSocket(target, { tls: trusting });
      const client = HttpConnection.connect(socket);
      cleanup.add(() => client.driver.destroy());
      return { client, fingerprint: peerCertificate(socket)?.fingerprint256 };
    };
    const before = await fingerprint();
    const upload = await before.client.request(request);
    await upload.headers();
    server.updateTls(certificateOf("renewed"));
    const after = await fingerprint();
    expect(after.fingerprint).not.toBe(before.fingerprint);
    await upload.send(Buffer.from("still here"), true);
    expect(Buffer.from(await upload.body()).toString()).toBe("still here");
    expect(before.client.connection.closed).toBe(false);
  });

  it("leave what is not named as it was: clients must still show theirs", async () => {
    const { server, target, refused } = await secureServer({ ca: authority, requestCert: true });
    server.updateTls(certificateOf("renewed"));
    await roundTrip(await connectSocket(target, { tls: { ...trusting, ...certificateOf("client") } }));
    await endOf(await connectSocket(target, { tls: { ...trusting, ...certificateOf("stranger") } }));
    expect(await refused()).toMatchObject({ code: "CERTIFICATE_UNKNOWN_AUTHORITY" });
    server.updateTls({ ca: certificateOf("self-signed").cert });
    await roundTrip(await connectSocket(target, { tls: { ...trusting, ...certificateOf("self-signed") } }));
    await endOf(await connectSocket(target, { tls: { ...trusting, ...certificateOf("client") } }));
    expect(await refused()).toMatchObject({ code: "CERTIFICATE_UNKNOWN_AUTHORITY" });
  });

  it("end the resumption of sessions that were begun under the old ones", async () => {
    const { server, target } = await secureServer({ ca: authority, requestCert: true });
    const first = (await connectSocket(target, { tls: { ...trusting, ...certificateOf("client") } })) as tls.TLSSocket;
    const session = await new Promise<Buffer>((resolve) => {
      first.once("session", resolve);
      first.resume();
    });
    first.destroy();
    server.updateTls({ ca: certificateOf("self-signed").cert });
    const again = (await connectSocket(target, { tls: { ...trusting, session } })) as tls.TLSSocket;
    expect(again.isSessionReused()).toBe(false);
    expect(await endOf(again)).toContain("INADEQUATE_SECURITY");
  });

  it("that cannot be used are refused in one line, and the old ones stay", async () => {
    const { server, target } = await secureServer();
    const halves = { cert: certificateOf("renewed").cert, key: certificateOf("server").key };
    expect(() => server.updateTls(halves)).toThrow(/^the tls options cannot be used: key values mismatch$/);
    expect(() => server.updateTls({ cert: "no certificate" })).toThrow(
      /^the tls options cannot be used: no start line$/,
    );
    expect(() => server.updateTls({ minVersion: "TLSv1.1" })).toThrow(
      'minVersion is "TLSv1.1": HTTP/2 needs "TLSv1.2" or "TLSv1.3"',
    );
    await roundTrip(await connectSocket(target, { tls: trusting }));
    expect(() => createSocketServer({}, () => {}).updateTls({})).toThrow("this server has no TLS");
  });
});

describe("TLS options that cannot work", () => {
  it("are refused at once, in one line", async () => {
    const halves = { cert: certificateOf("renewed").cert, key: certificateOf("server").key };
    expect(() => createSocketServer({ tls: halves }, () => {})).toThrow(
      /^the tls options cannot be used: key values mismatch$/,
    );
    expect(() => createSocketServer({ tls: {} }, () => {})).toThrow(
      "the tls options of a server need a certificate: cert and key, or pfx",
    );
    expect(() => createSocketServer({ tls: { cert: halves.cert } }, () => {})).toThrow(
      "have a certificate (cert), but not its key",
    );
    expect(() => createSocketServer({ tls: { ...certificateOf("server"), maxVersion: "TLSv1" } }, () => {})).toThrow(
      'maxVersion is "TLSv1"',
    );
    expect(() =>
      createSocketServer({ tls: { ...certificateOf("server"), secureProtocol: "TLSv1_method" } }, () => {}),
    ).toThrow("use minVersion and maxVersion");
    const { target } = await secureServer();
    await expect(connectSocket(target, { tls: halves })).rejects.toThrow(
      /^the tls options cannot be used: key values mismatch$/,
    );
    await expect(connectSocket(target, { tls: { minVersion: "TLSv1" } })).rejects.toThrow('minVersion is "TLSv1"');
  });
});
