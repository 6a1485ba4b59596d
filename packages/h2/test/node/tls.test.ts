/** TLS on real sockets: each way in which it can fail, named at both ends, and certificates that change while connections live. */
import net, { type AddressInfo, type Socket } from "node:net";
import tls from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import {
  connectSocket,
  createSocketServer,
  HttpConnection,
  type HttpHandler,
  peerCertificate,
  type SocketServer,
  type SocketTarget,
  type TransportError,
} from "../../src/node/index.js";
import { authority, certificateOf } from "../support/certificates.js";
import { request } from "../support/endpoint.js";
import { Cleanup, listen } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const echo: HttpHandler = async (stream) => {
  stream.sendHeaders([{ name: ":status", value: "200" }]);
  for await (const chunk of stream) await stream.send(chunk);
  stream.sendHeaders([], true);
};

/** Old versions and suites are beyond what OpenSSL takes by default. */
const anyCipher = "ALL:@SECLEVEL=0";

interface SecureServer {
  readonly server: SocketServer;
  readonly target: SocketTarget;
  /** Sockets that were given out. */
  readonly accepted: Socket[];
  /** The next refusal. */
  refused(): Promise<TransportError>;
}

async function secureServer(options: tls.TlsOptions = {}): Promise<SecureServer> {
  const accepted: Socket[] = [];
  const refusals: TransportError[] = [];
  const waiting: ((error: TransportError) => void)[] = [];
  const onRefused = (error: TransportError): void => {
    const tell = waiting.shift();
    if (tell === undefined) refusals.push(error);
    else tell(error);
  };
  const server = createSocketServer({ tls: { ...certificateOf("server"), ...options }, onRefused }, (socket) => {
    accepted.push(socket);
    HttpConnection.accept(socket, echo);
  });
  return {
    server,
    accepted,
    target: await listen(server, "tcp", cleanup),
    refused: async () => refusals.shift() ?? (await new Promise<TransportError>((resolve) => waiting.push(resolve))),
  };
}

/** A server of Node's own, which takes what ours would not. */
async function foreignServer(options: tls.TlsOptions): Promise<SocketTarget> {
  const server = tls.createServer({ ...certificateOf("server"), ALPNProtocols: ["h2"], ...options }, (socket) =>
    socket.on("error", () => {}),
  );
  server.on("tlsClientError", () => {});
  return await listen(server, "tcp", cleanup);
}

const trusting = { ca: authority };

async function failureOf(connecting: Promise<unknown>): Promise<TransportError> {
  return await connecting.then(
    () => {
      throw new Error("it connected");
    },
    (error) => error,
  );
}

async function roundTrip(socket: Socket): Promise<void> {
  const client = HttpConnection.connect(socket);
  cleanup.add(() => client.driver.destroy());
  const stream = await client.request(request);
  await stream.send(Buffer.from("hello"), true);
  expect(Buffer.from(await stream.body()).toString()).toBe("hello");
  stream.release();
}

/** How a client's connection that the server refuses after the handshake ends: the message. */
async function endOf(socket: Socket): Promise<string> {
  const client = HttpConnection.connect(socket);
  cleanup.add(() => client.driver.destroy());
  const failed = await client
    .request(request, true)
    .then((stream) => stream.headers())
    .catch((error) => error);
  await client.driver.done;
  expect(failed).toBeInstanceOf(Error);
  return client.error?.message ?? "";
}

describe("TLS between our ends", () => {
  it.each(["TLSv1.2", "TLSv1.3"] as const)("carries HTTP/2 over %s, with suites that HTTP/2 allows", async (version) => {
    const { target, accepted } = await secureServer();
    const socket = (await connectSocket(target, { tls: { ...trusting, minVersion: version, maxVersion: version } })) as tls.TLSSocket;
    await roundTrip(socket);
    expect(socket.getProtocol()).toBe(version);
    expect(socket.alpnProtocol).toBe("h2");
    expect(socket.getCipher().standardName).toMatch(/GCM|POLY1305/);
    expect(accepted).toHaveLength(1);
  });

  it("works over a Unix socket with the name that is asked for", async () => {
    const server = createSocketServer({ tls: certificateOf("server") }, (socket) => void HttpConnection.accept(socket, echo));
    const target = await listen(server, "unix", cleanup);
    await roundTrip(await connectSocket(target, { tls: { ...trusting, servername: "localhost" } }));
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)("shows each side the other's certificate over %s", async (version) => {
    const { target, accepted } = await secureServer({ ca: authority, requestCert: true });
    const socket = await connectSocket(target, { tls: { ...trusting, ...certificateOf("client"), maxVersion: version } });
    await roundTrip(socket);
    expect(peerCertificate(socket)?.subjectAltName).toContain("DNS:localhost");
    expect(peerCertificate(accepted[0] as Socket)).toMatchObject({ subject: "CN=client", subjectAltName: "DNS:client" });
  });

  it("shows no certificate without TLS, without one, and of one that nobody vouches for", async () => {
    const { target, accepted } = await secureServer({ ca: authority, requestCert: true, rejectUnauthorized: false });
    await roundTrip(await connectSocket(target, { tls: trusting }));
    await roundTrip(await connectSocket(target, { tls: { ...trusting, ...certificateOf("stranger") } }));
    await roundTrip(await connectSocket(target, { tls: { ...trusting, ...certificateOf("client") } }));
    expect(accepted.map((socket) => peerCertificate(socket)?.subject)).toEqual([undefined, undefined, "CN=client"]);
    expect(peerCertificate(new net.Socket())).toBeUndefined();
  });
});

describe("a client names what is wrong with a server", () => {
  const certificates = [
    ["expired", "CERTIFICATE_EXPIRED", "the server's certificate has expired"],
    ["early", "CERTIFICATE_NOT_YET_VALID", "the server's certificate is not valid yet"],
    ["elsewhere", "CERTIFICATE_WRONG_HOST", 'the server\'s certificate is not for "localhost", but for DNS:elsewhere.example'],
    ["stranger", "CERTIFICATE_UNKNOWN_AUTHORITY", "the server's certificate is signed by an authority that is not trusted (ca)"],
    ["self-signed", "CERTIFICATE_SELF_SIGNED", "the server's certificate is self-signed, and not one of those that are trusted (ca)"],
  ] as const;

  it.each(certificates)("whose certificate is %s", async (name, code, text) => {
    const { target, accepted, refused } = await secureServer(certificateOf(name));
    const error = await failureOf(connectSocket(target, { tls: { ...trusting, servername: "localhost" } }));
    const { port } = target as { port: number };
    expect(error).toMatchObject({ name: "TransportError", code, message: `cannot connect to 127.0.0.1:${port}: ${text}` });
    expect(error.cause).toBeInstanceOf(Error);
    expect(await refused()).toMatchObject({ code: "CONNECTION_CLOSED" });
    expect(accepted).toHaveLength(0);
  });

  it("that speaks only what is too old", async () => {
    const target = await foreignServer({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: anyCipher });
    const error = await failureOf(connectSocket(target, { tls: trusting }));
    expect(error).toMatchObject({ code: "TLS_VERSION", message: expect.stringContaining("speaks no version of TLS that this side does") });
  });

  it("that has only cipher suites which HTTP/2 forbids", async () => {
    const target = await foreignServer({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" });
    expect(await failureOf(connectSocket(target, { tls: trusting }))).toMatchObject({ code: "TLS_CIPHER" });
    const forced = connectSocket(target, { tls: { ...trusting, ciphers: "ECDHE-ECDSA-AES128-SHA256" } });
    expect(await failureOf(forced)).toMatchObject({
      code: "TLS_CIPHER",
      message: expect.stringContaining("the server agreed to TLSv1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, which HTTP/2 forbids"),
    });
  });

  it("that does not speak h2, and one that does not say so", async () => {
    const other = await foreignServer({ ALPNProtocols: ["http/1.1"] });
    expect(await failureOf(connectSocket(other, { tls: trusting }))).toMatchObject({
      code: "TLS_ALPN",
      message: expect.stringContaining('the server does not speak ALPN "h2"'),
    });
    const none = await foreignServer({ ALPNProtocols: [] });
    expect(await failureOf(connectSocket(none, { tls: trusting }))).toMatchObject({
      code: "TLS_ALPN",
      message: expect.stringContaining('the server did not choose ALPN "h2"'),
    });
  });

  it("that speaks plaintext", async () => {
    for (const answer of ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-server\r\n"]) {
      const server = net.createServer((socket) => {
        socket.on("error", () => {});
        socket.end(answer);
      });
      const error = await failureOf(connectSocket(await listen(server, "tcp", cleanup), { tls: trusting }));
      expect(error).toMatchObject({
        code: "NOT_TLS",
        message: expect.stringContaining("the server does not speak TLS here, but plaintext"),
      });
    }
    const ours = createSocketServer({}, (socket) => void HttpConnection.accept(socket, echo));
    expect(await failureOf(connectSocket(await listen(ours, "tcp", cleanup), { tls: trusting }))).toMatchObject({ code: "NOT_TLS" });
  });

  it("that hangs up, or says nothing", async () => {
    const hangsUp = net.createServer((socket) => socket.destroy());
    expect(await failureOf(connectSocket(await listen(hangsUp, "tcp", cleanup), { tls: trusting }))).toMatchObject({
      code: "CONNECTION_CLOSED",
      message: expect.stringContaining("the server closed the connection during the TLS handshake"),
    });
    const silent = net.createServer((socket) => socket.on("error", () => {}));
    const target = await listen(silent, "tcp", cleanup);
    expect(await failureOf(connectSocket(target, { tls: trusting, connectTimeoutMs: 30 }))).toMatchObject({
      code: "HANDSHAKE_TIMEOUT",
      message: expect.stringContaining("the TLS handshake did not end within connectTimeoutMs (30)"),
    });
  });

  it("that refuses its certificate with an alert after the handshake, as others' servers do", async () => {
    const target = await foreignServer({ requestCert: true, ca: authority });
    const end = await endOf(await connectSocket(target, { tls: trusting }));
    expect(end).toBe("connection lost: the peer requires a client certificate");
    const early = connectSocket(target, { tls: { ...trusting, maxVersion: "TLSv1.2" } });
    expect(await failureOf(early)).toMatchObject({ message: expect.stringContaining("or wants a client certificate") });
  });
});

describe("a server names what is wrong with a client", () => {
  it.each(["TLSv1.2", "TLSv1.3"] as const)("whose certificate is missing or bad over %s, to itself and to the client", async (version) => {
    const { target, accepted, refused } = await secureServer({ ca: authority, requestCert: true });
    const bad = [
      [{}, "CERTIFICATE_REQUIRED", "the client has no certificate, which is required here"],
      [certificateOf("client-expired"), "CERTIFICATE_EXPIRED", "the client's certificate has expired"],
      [
        certificateOf("stranger"),
        "CERTIFICATE_UNKNOWN_AUTHORITY",
        "the client's certificate is signed by an authority that is not trusted (ca)",
      ],
      [
        certificateOf("self-signed"),
        "CERTIFICATE_SELF_SIGNED",
        "the client's certificate is self-signed, and not one of those that are trusted (ca)",
      ],
    ] as const;
    for (const [certificate, code, text] of bad) {
      const socket = await connectSocket(target, { tls: { ...trusting, ...certificate, maxVersion: version } });
      expect(await endOf(socket)).toBe(`the peer ended the connection with INADEQUATE_SECURITY: "${text}"`);
      expect(await refused()).toMatchObject({ code, message: expect.stringMatching(/^a connection from 127\.0\.0\.1:\d+ was refused: /) });
    }
    expect(accepted).toHaveLength(0);
  });

  it("which resumes a session that never had a certificate", async () => {
    const { target, accepted, refused } = await secureServer({ ca: authority, requestCert: true });
    const first = (await connectSocket(target, { tls: trusting })) as tls.TLSSocket;
    const session = new Promise<Buffer>((resolve) => first.once("session", resolve));
    await endOf(first);
    await refused();
    const again = (await connectSocket(target, { tls: { ...trusting, session: await session } })) as tls.TLSSocket;
    expect(again.isSessionReused()).toBe(true);
    expect(await endOf(again)).toContain("the client has no certificate");
    expect(accepted).toHaveLength(0);
  });

  it("that asks for no ALPN, or for another", async () => {
    const { target, accepted, refused } = await secureServer();
    const ask = { ...(target as { host: string; port: number }), ca: authority, servername: "localhost" };
    const none = tls.connect(ask);
    expect(await endOf(none)).toContain('INADEQUATE_SECURITY: "the client did not ask for ALPN "h2""');
    expect(await refused()).toMatchObject({ code: "TLS_ALPN" });
    const other = tls.connect({ ...ask, ALPNProtocols: ["http/1.1"] });
    other.on("error", () => {});
    expect(await refused()).toMatchObject({ code: "TLS_ALPN", message: expect.stringContaining('the client does not speak ALPN "h2"') });
    expect(accepted).toHaveLength(0);
    await roundTrip(await connectSocket(target, { tls: trusting }));
  });

  it("that is too old, or has only suites which HTTP/2 forbids", async () => {
    const { target, refused } = await secureServer();
    const ask = { ...(target as { host: string; port: number }), ca: authority, servername: "localhost", ALPNProtocols: ["h2"] };
    tls.connect({ ...ask, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: anyCipher }).on("error", () => {});
    expect(await refused()).toMatchObject({
      code: "TLS_VERSION",
      message: expect.stringContaining("no version of TLS that this side does"),
    });
    tls.connect({ ...ask, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" }).on("error", () => {});
    expect(await refused()).toMatchObject({ code: "TLS_CIPHER", message: expect.stringContaining("no cipher suite in common") });
    const lax = await secureServer({ ciphers: "ECDHE-ECDSA-AES128-SHA256" });
    const forced = tls.connect({ ...ask, ...lax.target, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" });
    expect(await endOf(forced)).toContain("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, which HTTP/2 forbids");
    expect(await lax.refused()).toMatchObject({ code: "TLS_CIPHER" });
  });

  it("that speaks plaintext, HTTP/2 or HTTP/1, and that one is told by its end", async () => {
    const { target, refused } = await secureServer();
    expect(await endOf(await connectSocket(target))).toContain("does it expect TLS?");
    expect(await refused()).toMatchObject({ code: "NOT_TLS", message: expect.stringContaining("the client does not speak TLS here") });
    const http1 = await connectSocket(target);
    http1.on("error", () => {});
    http1.write("GET / HTTP/1.1\r\n\r\n");
    expect(await refused()).toMatchObject({ code: "NOT_TLS" });
  });

  it("to a hook that fails, and goes on", async () => {
    let told = () => {};
    const heard = new Promise<void>((resolve) => {
      told = resolve;
    });
    const onRefused = () => {
      told();
      throw new Error("the hook is broken");
    };
    const server = createSocketServer({ tls: certificateOf("server"), onRefused }, (socket) => void HttpConnection.accept(socket, echo));
    const target = await listen(server, "tcp", cleanup);
    (await connectSocket(target)).on("error", () => {}).write("no TLS at all");
    await heard;
    await roundTrip(await connectSocket(target, { tls: trusting }));
  });

  it("that does not finish its handshake", async () => {
    const { target, refused } = await secureServer({ handshakeTimeout: 30 });
    const silent = await connectSocket(target);
    silent.resume();
    await new Promise((resolve) => silent.on("close", resolve));
    expect(await refused()).toMatchObject({ code: "HANDSHAKE_TIMEOUT" });
  });

  it("that speaks TLS to a plaintext port", async () => {
    const connections: HttpConnection[] = [];
    const server = createSocketServer({}, (socket) => void connections.push(HttpConnection.accept(socket, echo)));
    await failureOf(connectSocket(await listen(server, "tcp", cleanup), { tls: trusting }));
    await connections[0]?.driver.done;
    expect(connections[0]?.error?.message).toBe("not an HTTP/2 client in plaintext: it speaks TLS");
  });
});

describe("a plaintext client", () => {
  it("names a server that answers in TLS or HTTP/1", async () => {
    const answers = [
      [Buffer.from("15030300020228", "hex"), "it looks like TLS"],
      [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), "the first letters of an HTTP/1 answer"],
    ] as const;
    for (const [answer, text] of answers) {
      const server = net.createServer((socket) => {
        socket.on("error", () => {});
        // An alert of TLS is shorter than a frame's header.
        socket.end(Buffer.concat([answer, Buffer.alloc(2)]));
      });
      expect(await endOf(await connectSocket(await listen(server, "tcp", cleanup)))).toContain(text);
    }
  });

  it("says which target refused, and why", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    for (const options of [{}, { tls: trusting }]) {
      expect(await failureOf(connectSocket({ host: "127.0.0.1", port }, options))).toMatchObject({
        code: "CONNECTION_REFUSED",
        message: `cannot connect to 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
      });
    }
    expect(await failureOf(connectSocket({ path: "/nowhere/socket" }))).toMatchObject({
      code: "CONNECTION_FAILED",
      message: "cannot connect to /nowhere/socket: connect ENOENT /nowhere/socket",
    });
    await expect(connectSocket({ host: "127.0.0.1", port: 70_000 })).rejects.toThrow(RangeError);
  });

  it("keeps to its signal, before and while it connects", async () => {
    const silent = net.createServer((socket) => socket.on("error", () => {}));
    const target = await listen(silent, "tcp", cleanup);
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const connecting = connectSocket(target, { tls: trusting, signal: controller.signal });
    controller.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    await expect(connectSocket(target, { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe("a TLS server that closes", () => {
  it("does not wait for handshakes, or for those that it has turned away", async () => {
    const { server, target, refused } = await secureServer({ ca: authority, requestCert: true, handshakeTimeout: 120_000 });
    const accepted = new Promise((resolve) => server.once("connection", resolve));
    const silent = await connectSocket(target);
    silent.on("error", () => {});
    await accepted;
    const turnedAway = await connectSocket(target, { tls: trusting });
    turnedAway.on("error", () => {});
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
    expect(() => server.updateTls({ cert: "no certificate" })).toThrow(/^the tls options cannot be used: no start line$/);
    expect(() => server.updateTls({ minVersion: "TLSv1.1" })).toThrow('minVersion is "TLSv1.1": HTTP/2 needs "TLSv1.2" or "TLSv1.3"');
    await roundTrip(await connectSocket(target, { tls: trusting }));
    expect(() => createSocketServer({}, () => {}).updateTls({})).toThrow("this server has no TLS");
  });
});

describe("TLS options that cannot work", () => {
  it("are refused at once, in one line", async () => {
    const halves = { cert: certificateOf("renewed").cert, key: certificateOf("server").key };
    expect(() => createSocketServer({ tls: halves }, () => {})).toThrow(/^the tls options cannot be used: key values mismatch$/);
    expect(() => createSocketServer({ tls: { maxVersion: "TLSv1" } }, () => {})).toThrow('maxVersion is "TLSv1"');
    expect(() => createSocketServer({ tls: { secureProtocol: "TLSv1_method" } }, () => {})).toThrow("use minVersion and maxVersion");
    const { target } = await secureServer();
    await expect(connectSocket(target, { tls: halves })).rejects.toThrow(/^the tls options cannot be used: key values mismatch$/);
    await expect(connectSocket(target, { tls: { minVersion: "TLSv1" } })).rejects.toThrow('minVersion is "TLSv1"');
  });
});
