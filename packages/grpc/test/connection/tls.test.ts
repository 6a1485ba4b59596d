/**
 * TLS of channels and servers: who may call, what either side is told, and certificates that change while calls go on.
 */
import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import type { TransportError } from "@trunkline/h2/node";
import { afterEach, describe, expect, it } from "vitest";
import {
  Channel,
  type ChannelOptions,
  type Client,
  createClient,
  type PeerTls,
  Server,
  type ServerListenOptions,
  Status,
} from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection } from "../support.js";

const read = (name: string): Buffer =>
  readFileSync(new URL(`../../../h2/test/fixtures/tls/${name}.pem`, import.meta.url));
const authority = read("authority");
const certificateOf = (name: string): { cert: Buffer; key: Buffer } => ({ cert: read(name), key: read(`${name}-key`) });

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server whose answer is who has asked. */
async function listening(
  options: ServerListenOptions["tls"] = {},
  more: ServerListenOptions = {},
): Promise<{ server: Server; address: string }> {
  const server = new Server().add(Echo, {
    say(_request, call) {
      const { authorized, certificate } = call.peer.tls as PeerTls;
      return { text: `${authorized} ${certificate?.subject}` };
    },
    async *chat(requests) {
      for await (const { text } of requests) yield { text };
    },
  });
  closing.push(() => server.close());
  return {
    server,
    address: await server.listen("127.0.0.1:0", { tls: { ...certificateOf("server"), ...options }, ...more }),
  };
}

function clientOf(address: string, tls: ChannelOptions["tls"]) {
  const channel = new Channel(address, { tls });
  closing.push(() => channel.close());
  return createClient(Echo, channel);
}

describe("TLS over connections that the caller makes", () => {
  /** A channel whose connections go through a socket of the test's own. */
  function clientThrough(address: string, authority: string, options: ChannelOptions): Client<typeof Echo> {
    const port = Number(address.split(":")[1]);
    const connect = (): net.Socket => net.connect({ host: "127.0.0.1", port });
    const channel = new Channel({ connect, authority }, options);
    closing.push(() => channel.close());
    return createClient(Echo, channel);
  }

  it("checks the server's certificate against the authority", async () => {
    const { address } = await listening({ requestCert: true, ca: authority });
    const tls = { ca: authority, ...certificateOf("client") };
    const call = clientThrough(address, "localhost", { tls }).say.open();
    await call.send({});
    expect((await call.receive())?.text).toMatch(/^true /);
    expect(call.peer?.secure).toBe(true);
    const other = await rejection(clientThrough(address, "other.example:443", { tls }).say({}));
    expect(other).toMatchObject({ status: Status.UNAVAILABLE });
    expect(other.message).toContain(
      'cannot connect to other.example:443: the server\'s certificate is not for "other.example"',
    );
  });

  it("takes servername before the authority, and options from a function", async () => {
    const { address } = await listening();
    const tls = (): object => ({ ca: authority, servername: "localhost" });
    expect((await clientThrough(address, "other.example", { tls }).say({})).text).toMatch(/^false /);
  });

  it("fails calls with UNAVAILABLE where the other side speaks plaintext, or closes", async () => {
    const plain = new Server().add(Echo, { say: () => ({}) });
    closing.push(() => plain.close());
    const address = await plain.listen("127.0.0.1:0");
    const error = await rejection(clientThrough(address, "localhost", { tls: { ca: authority } }).say({}));
    expect(error).toMatchObject({ status: Status.UNAVAILABLE });
    expect(error.message).toContain("cannot connect to localhost: ");
  });
});

describe("a server with TLS", () => {
  it("exchanges its certificate while calls go on", async () => {
    const { server, address } = await listening();
    const call = clientOf(address, { ca: authority }).chat.open();
    await call.send({ text: "before" });
    expect((await call.receive())?.text).toBe("before");
    const before = call.peer?.tls?.certificate?.fingerprint256;
    server.updateTls(certificateOf("renewed"));
    const next = clientOf(address, { ca: authority }).say.open();
    await next.send({});
    await next.receive();
    expect(next.peer?.tls?.certificate?.fingerprint256).not.toBe(before);
    await call.send({ text: "after" });
    expect((await call.receive())?.text).toBe("after");
    await call.sendEof();
    expect(await call.receive()).toBeUndefined();
  });

  it("keeps its certificate when the new one cannot be used, and has none to exchange without TLS", async () => {
    const { server, address } = await listening();
    expect(() => server.updateTls({ cert: read("renewed") })).toThrow(
      "the tls options cannot be used: key values mismatch",
    );
    await clientOf(address, { ca: authority }).say({});
    expect(() => new Server().updateTls({})).toThrow("the server listens on no address with TLS");
  });

  it("tells clients whose certificate is missing or bad, and its owner", async () => {
    const refused: TransportError[] = [];
    const { address } = await listening(
      { ca: authority, requestCert: true },
      { onRefused: (error) => refused.push(error) },
    );
    expect((await clientOf(address, { ca: authority, ...certificateOf("client") }).say({})).text).toBe(
      "true CN=client",
    );
    const missing = await rejection(clientOf(address, { ca: authority }).say({}));
    expect(missing).toMatchObject({
      status: Status.UNAVAILABLE,
      message: expect.stringContaining('INADEQUATE_SECURITY: "the client has no certificate, which is required here"'),
    });
    const expired = await rejection(clientOf(address, { ca: authority, ...certificateOf("client-expired") }).say({}));
    expect(expired.message).toContain("the client's certificate has expired");
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["CERTIFICATE_REQUIRED", "CERTIFICATE_EXPIRED"]));
  });

  it("does not take a resumed session without a certificate for an authorized one", async () => {
    const { address } = await listening({ ca: authority, requestCert: true, rejectUnauthorized: false });
    const [host, port] = address.split(":");
    const dial = (session?: Buffer) =>
      tls.connect({ host, port: Number(port), ca: authority, ALPNProtocols: ["h2"], ...(session && { session }) });
    const first = dial();
    closing.push(() => first.destroy());
    const session = await new Promise<Buffer>((resolve) => {
      first.once("session", resolve);
      first.resume();
    });
    const resumed = dial(session);
    const channel = new Channel({ transport: resumed });
    closing.push(() => channel.close());
    expect((await createClient(Echo, channel).say({})).text).toBe("false undefined");
    expect(resumed.isSessionReused()).toBe(true);
  });
});

describe("a channel with TLS", () => {
  it("asks for its options at each connection, and may wait for them", async () => {
    const { address } = await listening({ ca: authority, requestCert: true });
    const own = ["stranger", "client"];
    const client = clientOf(address, async () => ({ ca: authority, ...certificateOf(own.shift() ?? "client") }));
    // Refused with the first certificate, it connects again with the second.
    expect((await client.say({})).text).toBe("true CN=client");
    expect(own).toEqual([]);
  });

  it("fails calls with what its options fail with", async () => {
    const { address } = await listening();
    const failing = clientOf(address, () => {
      throw new Error("the vault is closed");
    });
    expect(await rejection(failing.say({}))).toMatchObject({
      status: Status.UNAVAILABLE,
      message: expect.stringContaining("the vault is closed"),
    });
  });

  it("says that a server speaks plaintext, and a plaintext one that it may want TLS", async () => {
    const { address } = await listening();
    expect((await rejection(clientOf(address, undefined).say({}))).message).toContain("does it expect TLS?");
    const open = new Server().add(Echo, { say: () => ({ text: "" }) });
    closing.push(() => open.close());
    const plain = await open.listen("127.0.0.1:0");
    expect((await rejection(clientOf(plain, { ca: authority }).say({}))).message).toMatch(
      /does not speak TLS here, but plaintext/,
    );
  });
});
