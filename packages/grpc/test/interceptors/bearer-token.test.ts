import { readFileSync } from "node:fs";
import { attribute } from "@trunkline/streams";
import { afterEach, describe, expect, it } from "vitest";
import {
  Channel,
  type ChannelOptions,
  createClient,
  GrpcError,
  Server,
  type ServerInterceptor,
  Status,
} from "../../src/index.js";
import { bearerToken, requireBearerToken } from "../../src/interceptors/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection } from "../support.js";

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const tls = { key: fixture("localhost.key.pem"), cert: fixture("localhost.cert.pem") };

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

function tracked<T extends AsyncDisposable>(one: T): T {
  open.push(one);
  return one;
}

const seen: (string | undefined)[] = [];
const noting = {
  ...echo,
  say(request: { text: string }, call: { metadata: { get(key: "authorization"): string | undefined } }) {
    seen.push(call.metadata.get("authorization"));
    return { text: request.text };
  },
};

function memory(channel: ChannelOptions, interceptors: ServerInterceptor[] = []): ChannelForServices {
  seen.length = 0;
  return tracked(channelFor([[Echo, noting]], { channel, server: { interceptors } }));
}

async function listening(address: string, options: { tls?: typeof tls } = {}): Promise<string> {
  seen.length = 0;
  return tracked(new Server()).add(Echo, noting).listen(address, options);
}

describe("a bearer token", () => {
  it("goes with each call over TLS, and to a Unix socket", async () => {
    const paths: string[] = [];
    const provider = (path: string): Promise<string> => {
      paths.push(path);
      return Promise.resolve("abc.DEF-1_2~3+4/5==");
    };
    const secure = tracked(
      new Channel(await listening("127.0.0.1:0", { tls }), {
        tls: { ca: tls.cert },
        interceptors: [bearerToken(provider)],
      }),
    );
    await createClient(Echo, secure).say({});
    await collect(createClient(Echo, secure).expand({ count: 1 }));
    expect(seen).toEqual(["Bearer abc.DEF-1_2~3+4/5=="]);
    expect(paths).toEqual(["/trunkline.test.v1.Echo/Say", "/trunkline.test.v1.Echo/Expand"]);
    const unix = tracked(
      new Channel(await listening(`unix:/tmp/trunkline-token-${process.pid}.sock`), {
        interceptors: [bearerToken("fixed")],
      }),
    );
    await createClient(Echo, unix).say({});
    expect(seen).toEqual(["Bearer fixed"]);
  });

  it("is refused on a plain connection, before anything of the call is sent", async () => {
    const address = await listening("127.0.0.1:0");
    const channel = tracked(new Channel(address, { interceptors: [bearerToken("secret")] }));
    const client = createClient(Echo, channel);
    for (const error of [await rejection(client.say({})), await rejection(collect(client.chat([])))]) {
      expect(error).toMatchObject({
        code: "UNAUTHENTICATED",
        message:
          `a bearer token is sent over TLS or to a Unix socket only, and ${address} is neither ` +
          "(allowLoopback permits it)",
      });
    }
    expect(seen).toEqual([]);
    const allowed = tracked(new Channel(address, { interceptors: [bearerToken("secret", { allowLoopback: true })] }));
    await createClient(Echo, allowed).say({});
    expect(seen).toEqual(["Bearer secret"]);
  });

  it("is refused over a transport without an address, unless that is allowed", async () => {
    const { channel } = memory({});
    const error = await rejection(createClient(Echo, channel, { interceptors: [bearerToken("secret")] }).say({}));
    expect(error.code).toBe("UNAUTHENTICATED");
    await createClient(Echo, channel, { interceptors: [bearerToken("secret", { allowLoopback: true })] }).say({});
    expect(seen).toEqual(["Bearer secret"]);
  });

  it("leaves calls alone that have none, or bring their own", async () => {
    const { channel } = memory({});
    const client = createClient(Echo, channel, { interceptors: [bearerToken(() => undefined)] });
    await client.say({});
    await client.say({}, { metadata: { authorization: "Basic eA==" } });
    expect(seen).toEqual([undefined, "Basic eA=="]);
  });

  it.each<[string, () => string | Promise<string>, object]>([
    ["throws", () => fail("no key"), { code: "UNAUTHENTICATED", message: "no bearer token could be had: no key" }],
    [
      "rejects",
      async () => fail("no key"),
      { code: "UNAUTHENTICATED", message: "no bearer token could be had: no key" },
    ],
    ["throws a GrpcError", () => refuse(), { code: "UNAVAILABLE", message: "later" }],
    ["rejects with a GrpcError", async () => refuse(), { code: "UNAVAILABLE", message: "later" }],
    ["gives no token", () => "two words", { message: "the token is not of the form of a bearer token (RFC 6750)" }],
    ["gives a line", async () => "x\r\ny", { message: "the token is not of the form of a bearer token (RFC 6750)" }],
  ])("fails the call when its provider %s", async (_what, provider, expected) => {
    const { channel } = memory({ interceptors: [bearerToken(provider, { allowLoopback: true })] });
    expect(await rejection(createClient(Echo, channel).say({}))).toMatchObject(expected);
    expect(seen).toEqual([]);
  });
});

describe("a server that requires a token", () => {
  const user = attribute<string>("user");
  const verify = (token: string): string => {
    if (token === "good") return "Ada";
    if (token === "odd") throw new GrpcError(Status.PERMISSION_DENIED, "not here");
    throw new Error("the signature is wrong");
  };
  const say = async (authorization: string | string[] | undefined): Promise<string> => {
    const required = requireBearerToken(verify, { identity: user, except: ["/trunkline.test.v1.Echo/Expand"] });
    const implementation = {
      ...echo,
      say: (_request: object, call: { extra: (key: typeof user) => string | undefined }) => ({
        text: call.extra(user) ?? "",
      }),
    };
    const { channel } = tracked(channelFor([[Echo, implementation]], { server: { interceptors: [required] } }));
    const client = createClient(Echo, channel);
    expect((await collect(client.expand({ count: 1 }))).length).toBe(1);
    return (await client.say({}, authorization === undefined ? {} : { metadata: { authorization } })).text;
  };

  it("lets in who has a good one, and tells the handler who that is", async () => {
    expect(await say("Bearer good")).toBe("Ada");
    expect(await say("bearer  good")).toBe("Ada");
  });

  it.each([[undefined], ["good"], ["Bearer"], ["Basic good"], [["Bearer good", "Bearer good"]]])(
    "refuses %j",
    async (authorization) => {
      expect(await rejection(say(authorization))).toMatchObject({
        code: "UNAUTHENTICATED",
        message: "a bearer token is needed",
      });
    },
  );

  it("refuses what is not accepted, without telling why unless told to", async () => {
    expect(await rejection(say("Bearer bad"))).toMatchObject({
      code: "UNAUTHENTICATED",
      message: "the bearer token is not accepted",
    });
    expect(await rejection(say("Bearer odd"))).toMatchObject({ code: "PERMISSION_DENIED", message: "not here" });
  });
});

function fail(message: string): never {
  throw new Error(message);
}

function refuse(): never {
  throw new GrpcError(Status.UNAVAILABLE, "later");
}
