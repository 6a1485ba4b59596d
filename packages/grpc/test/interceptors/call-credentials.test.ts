import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { Channel, type ChannelOptions, createClient, GrpcError, Server, Status } from "../../src/index.js";
import { callCredentials } from "../../src/interceptors/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, rejection } from "../support.js";

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const tls = { key: fixture("localhost.key.pem"), cert: fixture("localhost.cert.pem") };

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

const seen: unknown[] = [];
const noting = {
  ...echo,
  say(_: unknown, { metadata }: { metadata: { getAll(key: string): unknown[] } }) {
    seen.push([metadata.getAll("user"), metadata.getAll("proof-bin")]);
    return {};
  },
};

async function channelTo(listen: { tls?: typeof tls }, options: ChannelOptions): Promise<Channel> {
  seen.length = 0;
  const server = new Server().add(Echo, noting);
  const channel = new Channel(await server.listen("127.0.0.1:0", listen), options);
  open.push(server, channel);
  return channel;
}

describe("call credentials", () => {
  it("go with each call over TLS, and are made for each", async () => {
    const paths: string[] = [];
    const provider = async ({ path }: { path: string }) => {
      paths.push(path);
      return { user: `u${paths.length}`, "proof-bin": Uint8Array.of(1) };
    };
    const channel = await channelTo({ tls }, { tls: { ca: tls.cert }, interceptors: [callCredentials(provider)] });
    const client = createClient(Echo, channel);
    await client.say({});
    await client.say({});
    expect(seen).toEqual([
      [["u1"], [Uint8Array.of(1)]],
      [["u2"], [Uint8Array.of(1)]],
    ]);
    expect(paths).toEqual(["/trunkline.test.v1.Echo/Say", "/trunkline.test.v1.Echo/Say"]);
  });

  it("are refused over plaintext, before anything of the call is sent; other calls go on", async () => {
    const channel = await channelTo({}, {});
    const client = createClient(Echo, channel);
    const error = await rejection(client.say({}, { interceptors: [callCredentials(() => ({ user: "s3cret" }))] }));
    expect(error.status).toBe(Status.UNAUTHENTICATED);
    expect(error.message).toMatch(/over TLS or to a Unix socket only.*allowLoopback/);
    expect(error.message).not.toContain("s3cret");
    expect(seen).toEqual([]);
    await client.say({}, { interceptors: [callCredentials(() => undefined)] });
    await client.say({}, { interceptors: [callCredentials(() => ({ user: "a" }), { allowLoopback: true })] });
    expect(seen).toEqual([
      [[], []],
      [["a"], []],
    ]);
  });

  it("of a channel and a call add up, and leave the keys that the call has", async () => {
    const own = callCredentials(() => ({ user: "channel", "proof-bin": Uint8Array.of(1) }));
    const channel = await channelTo({ tls }, { tls: { ca: tls.cert }, interceptors: [own] });
    const client = createClient(Echo, channel);
    await client.say({}, { metadata: { user: "mine" } });
    await client.say({}, { interceptors: [callCredentials(() => ({ user: "call" }))] });
    expect(seen).toEqual([
      [["mine"], [Uint8Array.of(1)]],
      [["channel"], [Uint8Array.of(1)]],
    ]);
  });

  it.each([
    ["throws", () => Promise.reject(new Error("expired")), Status.UNAUTHENTICATED, /no call credentials.*expired/],
    ["throws a GrpcError", () => Promise.reject(new GrpcError(Status.ABORTED, "no")), Status.ABORTED, /^no$/],
    ["returns no metadata", () => ({ user: "line\nbreak s3cret" }), Status.UNAUTHENTICATED, /metadata cannot hold/],
  ])("fail the call where the provider %s", async (_, provider, status, message) => {
    const interceptors = [callCredentials(provider as () => Promise<undefined>, { allowLoopback: true })];
    await using served = channelFor([[Echo, noting]], { channel: { interceptors } });
    const error = await rejection(createClient(Echo, served.channel).say({}));
    expect(error.status).toBe(status);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("s3cret");
  });

  it("end at the deadline of a call whose provider never answers", async () => {
    const interceptors = [callCredentials(() => new Promise<undefined>(() => {}))];
    await using served = channelFor([[Echo, noting]], { channel: { interceptors } });
    const error = await rejection(createClient(Echo, served.channel).say({}, { timeoutMs: 20 }));
    expect(error.status).toBe(Status.DEADLINE_EXCEEDED);
  });

  it("need a provider, and know their options", () => {
    expect(() => callCredentials("token" as never)).toThrow(/must be a function/);
    expect(() => callCredentials(() => undefined, { loopback: true } as object)).toThrow(/allowLoopback/);
  });
});
