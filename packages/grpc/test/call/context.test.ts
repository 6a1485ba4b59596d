/** The asynchronous context in which callbacks are called: each in its caller's own (nodejs/node#55376). */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import {
  Channel,
  createClient,
  type Implementation,
  type Interceptor,
  type ReadyEndpoint,
  Server,
} from "../../src/index.js";
import { logging } from "../../src/interceptors/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection, until } from "../support.js";

const identity = new AsyncLocalStorage<string>();

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Hooks that note the identity in which each of them is called. */
function noting(seen: string[]): Interceptor {
  const note = (hook: string): void => void seen.push(`${hook} ${identity.getStore()}`);
  return () => ({
    onRequest: () => note("request"),
    onConnection: () => note("connection"),
    onRequestMessage: () => void note("requestMessage"),
    onInitialMetadata: () => note("initial"),
    onResponseMessage: () => void note("responseMessage"),
    onStatus: () => note("status"),
    onEnd: () => note("end"),
  });
}

async function overTcp(implementation: Implementation<typeof Echo>): Promise<Channel> {
  const server = new Server().add(Echo, implementation);
  const channel = new Channel(await server.listen("127.0.0.1:0"));
  closing.push(
    () => server.close(),
    () => channel.close(),
  );
  return channel;
}

describe("at a client, the context of each caller", () => {
  it("is not that of resolvers and of policies, which are the channel's", async () => {
    const server = new Server().add(Echo, echo);
    const address = await server.listen("127.0.0.1:0");
    const seen: string[] = [];
    const note = (what: string): void => void seen.push(`${what} ${identity.getStore()}`);
    const channel = identity.run(
      "program",
      () =>
        new Channel("own:server", {
          plaintext: true,
          resolvers: {
            async own() {
              note("resolver");
              await turn();
              return {
                endpoints: [address],
                serviceConfig: { loadBalancingConfig: [{ first: {} }] },
              };
            },
          },
          loadBalancingPolicies: {
            first: () => {
              note("policy");
              return { pickerFor: (endpoints) => () => endpoints[0] as ReadyEndpoint };
            },
          },
        }),
    );
    closing.push(
      () => server.close(),
      () => channel.close(),
    );
    await identity.run("caller", () => createClient(Echo, channel).say({}));
    expect(seen).toEqual(["resolver program", "policy program"]);
  });

  it("is that of its callbacks, hooks and log, on a connection that another caller has made", async () => {
    const channel = await overTcp(echo);
    const client = createClient(Echo, channel);
    await identity.run("first", () => client.say({}));
    const seen: Record<string, string[]> = { a: [], b: [] };
    const call = (name: string): Promise<unknown> =>
      identity.run(name, () =>
        client.say(
          {},
          {
            onInitialMetadata: () => seen[name]?.push(`onInitialMetadata ${identity.getStore()}`),
            onTrailingMetadata: () => seen[name]?.push(`onTrailingMetadata ${identity.getStore()}`),
            interceptors: [
              noting(seen[name] as string[]),
              logging(() => seen[name]?.push(`log ${identity.getStore()}`)),
            ],
          },
        ),
      );
    await Promise.all([call("a"), call("b")]);
    for (const name of ["a", "b"]) {
      expect(seen[name]?.length).toBe(10);
      expect(new Set(seen[name]?.map((line) => line.split(" ")[1]))).toEqual(new Set([name]));
    }
  });

  it("is that of an iterable of requests when the call ends before it", async () => {
    const channel = await overTcp({ collect: () => ({ text: "enough" }) });
    let left: string | undefined = "not yet";
    const endless: AsyncIterable<{}> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: () => {
          left = identity.getStore();
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    await identity.run("a", () => createClient(Echo, channel).collect(endless));
    await until(() => left !== "not yet", "the iterable to be left");
    expect(left).toBe("a");
  });

  it("is that of the channel for its ways to connect", async () => {
    const seen: (string | undefined)[] = [];
    const channel = identity.run(
      "owner",
      () =>
        new Channel({
          connect() {
            seen.push(identity.getStore());
            throw new Error("no");
          },
        }),
    );
    closing.push(() => channel.close());
    await identity.run("caller", () => rejection(createClient(Echo, channel).say({})));
    expect(seen).toEqual(["owner"]);
  });
});

describe("at a server, a context of its own", () => {
  it("is that of each handler, its hooks and its signal: none of a client in the same process", async () => {
    const seen: string[] = [];
    let aborted: string | undefined = "not yet";
    const served = channelFor(
      [
        [
          Echo,
          {
            say(_request, call) {
              seen.push(`handler ${identity.getStore()}`);
              call.signal.addEventListener("abort", () => {
                aborted = identity.getStore();
              });
              return new Promise(() => {});
            },
          },
        ],
      ],
      { server: { interceptors: [noting(seen)] } },
    );
    closing.push(() => served.close());
    const client = createClient(Echo, served.channel);
    const call = identity.run("client", () => client.say.open());
    await identity.run("client", () => call.send({}));
    await until(() => seen.includes("handler undefined"), "the handler");
    identity.run("client", () => call.cancel());
    await until(() => aborted !== "not yet", "the signal");
    expect(aborted).toBeUndefined();
    expect(seen.filter((line) => !line.endsWith(" undefined"))).toEqual([]);
  });

  it("keeps what one handler changes of it from the next one", async () => {
    const seen: (string | undefined)[] = [];
    const channel = await overTcp({
      say({ text }) {
        seen.push(identity.getStore());
        identity.enterWith(text);
        return {};
      },
      async *expand({ text }) {
        seen.push(identity.getStore());
        identity.enterWith(text);
        await turn();
        yield { text: identity.getStore() ?? "lost" };
      },
    });
    const client = createClient(Echo, channel);
    await Promise.all(["a", "b", "c"].map((text) => client.say({ text })));
    const [reply] = await collect(client.expand({ text: "d" }));
    await client.say({ text: "e" });
    expect(seen).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(reply?.text).toBe("d");
  });
});
