/** TLS on real sockets: each way in which it can fail, named at both ends. */
import { getDiffieHellman } from "node:crypto";
import net, { type Socket } from "node:net";
import tls from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import {
  connectSocket,
  createSocketServer,
  duplexTransport,
  HttpConnection,
  peerCertificate,
} from "../../src/node/index.js";
import { authority, certificateOf } from "../support/certificates.js";
import { listen } from "../support/sockets.js";
import {
  anyCipher,
  cleanup,
  echo,
  endOf,
  failureOf,
  foreignServer,
  roundTrip,
  secureServer,
  trusting,
} from "../support/tls.js";

afterEach(() => cleanup.run());

describe("TLS between our ends", () => {
  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "carries HTTP/2 over %s, with suites that HTTP/2 allows",
    async (version) => {
      const { target, accepted } = await secureServer();
      const socket = (await connectSocket(target, {
        tls: { ...trusting, minVersion: version, maxVersion: version },
      })) as tls.TLSSocket;
      await roundTrip(socket);
      expect(socket.getProtocol()).toBe(version);
      expect(socket.alpnProtocol).toBe("h2");
      expect(socket.getCipher().standardName).toMatch(/GCM|POLY1305/);
      expect(accepted).toHaveLength(1);
    },
  );

  it("works over a Unix socket with the name that is asked for", async () => {
    const server = createSocketServer(
      { tls: certificateOf("server") },
      (socket) => void HttpConnection.accept(socket, echo),
    );
    const target = await listen(server, "unix", cleanup);
    await roundTrip(await connectSocket(target, { tls: { ...trusting, servername: "localhost" } }));
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)("shows each side the other's certificate over %s", async (version) => {
    const { target, accepted } = await secureServer({ ca: authority, requestCert: true });
    const socket = await connectSocket(target, {
      tls: { ...trusting, ...certificateOf("client"), maxVersion: version },
    });
    await roundTrip(socket);
    expect(peerCertificate(socket)?.subjectAltName).toContain("DNS:localhost");
    expect(peerCertificate(accepted[0] as Socket)).toMatchObject({
      subject: "CN=client",
      subjectAltName: "DNS:client",
    });
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
    [
      "elsewhere",
      "CERTIFICATE_WRONG_HOST",
      'the server\'s certificate is not for "localhost", but for DNS:elsewhere.example',
    ],
    [
      "stranger",
      "CERTIFICATE_UNKNOWN_AUTHORITY",
      "the server's certificate is signed by an authority that is not trusted (ca)",
    ],
    [
      "self-signed",
      "CERTIFICATE_SELF_SIGNED",
      "the server's certificate is self-signed, and not one of those that are trusted (ca)",
    ],
  ] as const;

  it.each(certificates)("whose certificate is %s", async (name, code, text) => {
    const { target, accepted, refused } = await secureServer(certificateOf(name));
    const error = await failureOf(connectSocket(target, { tls: { ...trusting, servername: "localhost" } }));
    const { port } = target as { port: number };
    expect(error).toMatchObject({
      name: "TransportError",
      code,
      message: `cannot connect to 127.0.0.1:${port}: ${text}`,
    });
    expect(error.cause).toBeInstanceOf(Error);
    expect(await refused()).toMatchObject({ code: "CONNECTION_CLOSED" });
    expect(accepted).toHaveLength(0);
  });

  it("that speaks only what is too old", async () => {
    const target = await foreignServer({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: anyCipher });
    const error = await failureOf(connectSocket(target, { tls: trusting }));
    expect(error).toMatchObject({
      code: "TLS_VERSION",
      message: expect.stringContaining("speaks no version of TLS that this side does"),
    });
  });

  it("that has only cipher suites which HTTP/2 forbids", async () => {
    const target = await foreignServer({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" });
    expect(await failureOf(connectSocket(target, { tls: trusting }))).toMatchObject({ code: "TLS_CIPHER" });
    const forced = connectSocket(target, { tls: { ...trusting, ciphers: "ECDHE-ECDSA-AES128-SHA256" } });
    expect(await failureOf(forced)).toMatchObject({
      code: "TLS_CIPHER",
      message: expect.stringContaining(
        "the server agreed to TLSv1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, which HTTP/2 forbids",
      ),
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
    expect(await failureOf(connectSocket(await listen(ours, "tcp", cleanup), { tls: trusting }))).toMatchObject({
      code: "NOT_TLS",
    });
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
    const transport = duplexTransport(await connectSocket(target, { tls: trusting }));
    // Without a word of ours on its way, which the server would answer with a reset that may overtake the alert.
    const end = await new Promise((resolve) =>
      transport.start({ onData() {}, onDrain() {}, onEnd() {}, onClose: resolve }),
    );
    expect(end).toMatchObject({ code: "CERTIFICATE_REQUIRED", message: "the peer requires a client certificate" });
    const early = connectSocket(target, { tls: { ...trusting, maxVersion: "TLSv1.2" } });
    expect(await failureOf(early)).toMatchObject({ message: expect.stringContaining("or wants a client certificate") });
  });
});

describe("a client that is cut off after the handshake", () => {
  it("is told what may be the reason", async () => {
    const target = await foreignServer({}, (socket) => socket.resetAndDestroy());
    const end = await endOf(await connectSocket(target, { tls: trusting }));
    expect(end).toMatch(
      /^connection lost: \w+ ECONNRESET before the peer has sent anything: it may not accept our certificate$/,
    );
  });
});

describe("a server with an ephemeral key exchange over integers", () => {
  /** Returns a prime and its generator as OpenSSL reads them, in DER. */
  function parameters(group: string): string {
    const positive = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0]), bytes]);
    const wrapped = (tag: number, bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from([tag, 0x82, bytes.length >> 8, bytes.length & 0xff]), bytes]);
    const exchange = getDiffieHellman(group);
    const [prime, generator] = [exchange.getPrime(), exchange.getGenerator()];
    const der = wrapped(0x30, Buffer.concat([wrapped(0x02, positive(prime)), wrapped(0x02, positive(generator))]));
    return `-----BEGIN DH PARAMETERS-----\n${der.toString("base64")}\n-----END DH PARAMETERS-----\n`;
  }

  it("has to use 2,048 bits", async () => {
    const reached = async (group: string) => {
      const ciphers = "DHE-PSK-AES128-GCM-SHA256";
      const psk = Buffer.alloc(32, 1);
      const target = await foreignServer({
        dhparam: parameters(group),
        ciphers,
        maxVersion: "TLSv1.2",
        pskCallback: () => psk,
      });
      const ask = { ciphers, pskCallback: () => ({ psk, identity: "client" }), checkServerIdentity: () => undefined };
      return await connectSocket(target, { tls: ask }).then(
        (socket) => (socket as tls.TLSSocket).getEphemeralKeyInfo(),
        (error) => error.message,
      );
    };
    expect(await reached("modp14")).toMatchObject({ type: "DH", size: 2_048 });
    expect(await reached("modp5")).toContain("the server uses too short a key exchange");
  });
});

describe("the end of a TLS socket", () => {
  /** Returns the error of a transport whose socket fails with `code`, before or after the peer has sent something. */
  async function endAfter(code: string, heard: boolean): Promise<NodeJS.ErrnoException> {
    const target = await foreignServer({}, (raw) => raw.pause());
    const socket = await connectSocket(target, { tls: trusting });
    return await new Promise((resolve) => {
      duplexTransport(socket).start({ onData() {}, onDrain() {}, onEnd() {}, onClose: resolve as () => void });
      if (heard) socket.emit("data", Buffer.from("heard"));
      socket.destroy(Object.assign(new Error(`read ${code}`), { code }));
    });
  }

  it("by a reset is laid to our certificate only where the peer has sent nothing before", async () => {
    expect(await endAfter("ECONNRESET", true)).toMatchObject({ code: "ECONNRESET" });
    expect(await endAfter("ECONNRESET", false)).toMatchObject({ code: "CONNECTION_CLOSED" });
    expect(await endAfter("EPIPE", false)).toMatchObject({ code: "CONNECTION_CLOSED" });
    expect(await endAfter("ETIMEDOUT", false)).toMatchObject({ code: "ETIMEDOUT" });
  });
});

describe("a server names what is wrong with a client", () => {
  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "whose certificate is missing or bad over %s, to itself and to the client",
    async (version) => {
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
        expect(await refused()).toMatchObject({
          code,
          message: expect.stringMatching(/^a connection from 127\.0\.0\.1:\d+ was refused: /),
        });
      }
      expect(accepted).toHaveLength(0);
    },
  );

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
    expect(await refused()).toMatchObject({
      code: "TLS_ALPN",
      message: expect.stringContaining('the client does not speak ALPN "h2"'),
    });
    expect(accepted).toHaveLength(0);
    await roundTrip(await connectSocket(target, { tls: trusting }));
  });

  it("that is too old, or has only suites which HTTP/2 forbids", async () => {
    const { target, refused } = await secureServer();
    const ask = {
      ...(target as { host: string; port: number }),
      ca: authority,
      servername: "localhost",
      ALPNProtocols: ["h2"],
    };
    tls.connect({ ...ask, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: anyCipher }).on("error", () => {});
    expect(await refused()).toMatchObject({
      code: "TLS_VERSION",
      message: expect.stringContaining("no version of TLS that this side does"),
    });
    tls.connect({ ...ask, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" }).on("error", () => {});
    expect(await refused()).toMatchObject({
      code: "TLS_CIPHER",
      message: expect.stringContaining("no cipher suite in common"),
    });
    const lax = await secureServer({ ciphers: "ECDHE-ECDSA-AES128-SHA256" });
    const forced = tls.connect({ ...ask, ...lax.target, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" });
    expect(await endOf(forced)).toContain("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, which HTTP/2 forbids");
    expect(await lax.refused()).toMatchObject({ code: "TLS_CIPHER" });
  });

  it("that speaks plaintext, HTTP/2 or HTTP/1, and that one is told by its end", async () => {
    const { target, refused } = await secureServer();
    expect(await endOf(await connectSocket(target))).toContain("does it expect TLS?");
    expect(await refused()).toMatchObject({
      code: "NOT_TLS",
      message: expect.stringContaining("the client does not speak TLS here"),
    });
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
    const server = createSocketServer(
      { tls: certificateOf("server"), onRefused },
      (socket) => void HttpConnection.accept(socket, echo),
    );
    const target = await listen(server, "tcp", cleanup);
    (await connectSocket(target)).on("error", () => {}).write("no TLS at all");
    await heard;
    await roundTrip(await connectSocket(target, { tls: trusting }));
  });

  it("that wants to renegotiate, which HTTP/2 forbids", async () => {
    const { target, accepted } = await secureServer();
    const ask = {
      ...(target as { host: string; port: number }),
      ca: authority,
      servername: "localhost",
      ALPNProtocols: ["h2"],
    };
    const socket = tls.connect({ ...ask, maxVersion: "TLSv1.2" });
    socket.on("error", () => {});
    await roundTrip(socket);
    const failed = new Promise<Error>((resolve) => accepted[0]?.once("error", resolve));
    socket.renegotiate({}, () => {});
    expect(await failed).toMatchObject({ code: "ERR_TLS_RENEGOTIATION_DISABLED" });
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
