/** Times, waiting and retries by the service config of a channel. */
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  Channel,
  createClient,
  GrpcError,
  type Implementation,
  type RetryPolicy,
  type RetryThrottling,
  Server,
  type ServiceConfig,
  Status,
} from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection, settle } from "../support.js";

const policy: RetryPolicy = {
  maxAttempts: 4,
  initialBackoff: "0.001s",
  maxBackoff: "0.002s",
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE", Status.ABORTED],
};
const withPolicy = (more: Partial<RetryPolicy> = {}, retryThrottling?: RetryThrottling): ServiceConfig => ({
  methodConfig: [{ name: [{ service: Echo.typeName }], retryPolicy: { ...policy, ...more } }],
  ...(retryThrottling !== undefined && { retryThrottling }),
});

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A client of a server with these handlers, and what the server has seen of each attempt. */
function client(implementation: Implementation<typeof Echo>, serviceConfig: ServiceConfig, clock?: VirtualClock) {
  const server = new Server({ onError: () => {} }).add(Echo, implementation);
  const connect = () => {
    const [near, far] = duplexPair();
    void server.serve(far);
    return near;
  };
  const channel = new Channel({ connect }, { serviceConfig, ...(clock !== undefined && { clock }) });
  closing.push(
    () => channel.close({ closeTimeoutMs: 0 }),
    () => server.close({ closeTimeoutMs: 0 }),
  );
  return createClient(Echo, channel);
}

/** A handler that fails so many times, and then answers; with the attempts that came. */
function failing(times: number, error = () => new GrpcError(Status.UNAVAILABLE, "not now")) {
  const attempts: number[] = [];
  const say: Implementation<typeof Echo>["say"] = (_, call) => {
    attempts.push(call.previousAttempts);
    if (attempts.length <= times) throw error();
    return { text: "done" };
  };
  return { say, attempts };
}

describe("a retry policy", () => {
  it("tries a call again after its statuses, and tells the server and the caller how often", async () => {
    const { say, attempts } = failing(3, () => new GrpcError(Status.ABORTED, "once more"));
    const call = client({ say }, withPolicy()).say.open();
    await call.send({ text: "a" });
    expect((await call.receive())?.text).toBe("done");
    expect(attempts).toEqual([0, 1, 2, 3]);
    expect(call.previousAttempts).toBe(3);
    expect((await client({ say }, withPolicy()).say({})).text).toBe("done");
    expect(attempts.at(-1)).toBe(0);
  });

  it("sends the same message each time", async () => {
    const seen: string[] = [];
    const { say } = client(
      {
        say: ({ text, payload }) => {
          seen.push(`${text} ${payload.length}`);
          if (seen.length < 3) throw new GrpcError(Status.UNAVAILABLE, "not now");
          return { text };
        },
      },
      withPolicy(),
    );
    await say({ text: "same", payload: new Uint8Array(200_000) });
    expect(seen).toEqual(["same 200000", "same 200000", "same 200000"]);
  });

  it("ends with the last error after maxAttempts, of which 5 are the most", async () => {
    for (const [maxAttempts, count] of [
      [2, 2],
      [4, 4],
      [50, 5],
    ] as const) {
      const { say, attempts } = failing(100);
      const error = await rejection(client({ say }, withPolicy({ maxAttempts })).say({}));
      expect(error).toMatchObject({ status: Status.UNAVAILABLE, message: "not now" });
      expect(attempts).toHaveLength(count);
    }
  });

  it.each<[string, Implementation<typeof Echo>["say"]]>([
    [
      "another status",
      () => {
        throw new GrpcError(Status.INTERNAL, "no");
      },
    ],
    [
      "headers that were sent before",
      async (_, call) => {
        await call.sendInitialMetadata();
        throw new GrpcError(Status.UNAVAILABLE, "no");
      },
    ],
    [
      "a pushback below 0",
      () => {
        throw new GrpcError(Status.UNAVAILABLE, "no", { retryPushbackMs: -1 });
      },
    ],
  ])("does not try again after %s", async (_, handler) => {
    let attempts = 0;
    const say = ((...args: Parameters<typeof handler & ((...all: never[]) => unknown)>) => {
      attempts += 1;
      return (handler as (...all: unknown[]) => unknown)(...args);
    }) as typeof handler;
    expect((await rejection(client({ say }, withPolicy()).say({}))).message).toBe("no");
    expect(attempts).toBe(1);
  });

  it("tries a call with many responses again before the first, and never after it", async () => {
    let attempts = 0;
    const { expand } = client(
      {
        async *expand({ count }) {
          attempts += 1;
          if (attempts < 3) throw new GrpcError(Status.UNAVAILABLE, "not now");
          for (let index = 0; index < count; index += 1) yield { count: index };
          throw new GrpcError(Status.UNAVAILABLE, "in the middle");
        },
      },
      withPolicy(),
    );
    const seen: number[] = [];
    const error = await rejection(
      (async () => {
        for await (const { count } of expand({ count: 2 })) seen.push(count);
      })(),
    );
    expect(error.message).toBe("in the middle");
    expect([attempts, seen]).toEqual([3, [0, 1]]);
  });

  it("does not try a call again whose stream of requests has begun", async () => {
    let attempts = 0;
    const { collect: gather } = client(
      {
        async collect(requests) {
          attempts += 1;
          for await (const _ of requests) break;
          throw new GrpcError(Status.UNAVAILABLE, "not now");
        },
      },
      withPolicy(),
    );
    expect((await rejection(gather([{ text: "a" }]))).message).toBe("not now");
    expect(attempts).toBe(1);
  });

  it("waits as long as its backoff says, at most, and as long as the server's pushback says, exactly", async () => {
    const clock = new VirtualClock();
    const { say, attempts } = failing(1, () => {
      return new GrpcError(Status.UNAVAILABLE, "later", { retryPushbackMs: 7_000 });
    });
    const done = client({ say }, withPolicy(), clock).say({});
    await settle();
    clock.advance(6_999);
    await settle();
    expect(attempts).toHaveLength(1);
    clock.advance(1);
    expect((await done).text).toBe("done");
  });

  it("fails at once where its wait would pass the deadline, and at the deadline while it waits", async () => {
    const { say, attempts } = failing(9, () => {
      return new GrpcError(Status.UNAVAILABLE, "later", { retryPushbackMs: 60_000 });
    });
    expect((await rejection(client({ say }, withPolicy()).say({}, { timeoutMs: 5_000 }))).message).toBe("later");
    expect(attempts).toHaveLength(1);
  });

  it("is left by a caller who cancels while it waits", async () => {
    const { say, attempts } = failing(9, () => {
      return new GrpcError(Status.UNAVAILABLE, "later", { retryPushbackMs: 60_000 });
    });
    const enough = new AbortController();
    const ended = rejection(client({ say }, withPolicy()).say({}, { signal: enough.signal }));
    while (attempts.length === 0) await settle();
    await settle();
    enough.abort();
    expect((await ended).status).toBe(Status.CANCELLED);
    expect(attempts).toHaveLength(1);
  });

  it("tries again where there is no connection", async () => {
    let attempts = 0;
    const server = new Server().add(Echo, echo);
    const connect = () => {
      attempts += 1;
      if (attempts < 3) throw new Error("no way");
      const [near, far] = duplexPair();
      void server.serve(far);
      return near;
    };
    const backoff = { initialMs: 1, maxMs: 1 };
    const serviceConfig = withPolicy({ initialBackoff: "0.2s", maxBackoff: "0.2s" });
    const channel = new Channel({ connect }, { serviceConfig, backoff });
    expect((await createClient(Echo, channel).say({ text: "a" })).text).toBe("a");
    await channel.close();
    await server.close();
  });

  it("stops while most calls fail, and goes on once enough have succeeded", async () => {
    let attempts = 0;
    let good = false;
    const { say } = client(
      {
        say: () => {
          attempts += 1;
          if (!good) throw new GrpcError(Status.UNAVAILABLE, "not now");
          return {};
        },
      },
      withPolicy({ maxAttempts: 2 }, { maxTokens: 4, tokenRatio: 1 }),
    );
    // 4 tokens: the first failure leaves 3, which is more than half; the retry's failure leaves 2.
    await rejection(say({}));
    expect(attempts).toBe(2);
    await rejection(say({}));
    expect(attempts).toBe(3);
    good = true;
    for (let count = 0; count < 3; count += 1) await say({});
    good = false;
    await rejection(say({}));
    expect(attempts).toBe(3 + 3 + 2);
  });
});

describe("a method config", () => {
  it("gives a time that a call's own can only shorten, and waits for a connection", async () => {
    const serviceConfig: ServiceConfig = {
      methodConfig: [
        { name: [{ service: Echo.typeName, method: "Say" }], timeout: "10s", waitForReady: true },
        { name: [{}], timeout: "20s" },
      ],
    };
    const left: number[] = [];
    const { say, expand } = client(
      {
        say: (_, call) => {
          left.push(Math.ceil((call.deadline?.remainingMs ?? 0) / 1_000));
          return {};
        },
        expand(_, call) {
          left.push(Math.ceil((call.deadline?.remainingMs ?? 0) / 1_000));
          return [];
        },
      },
      serviceConfig,
    );
    await say({});
    await say({}, { timeoutMs: 60_000 });
    await say({}, { timeoutMs: 3_000 });
    await collect(expand({}));
    expect(left).toEqual([10, 10, 3, 20]);
  });

  const config = (retryPolicy: unknown): unknown => ({ methodConfig: [{ name: [{}], retryPolicy }] });
  const hedged = (hedgingPolicy: unknown): unknown => ({ methodConfig: [{ name: [{}], hedgingPolicy }] });
  it.each<[unknown, string]>([
    [{ methodConfig: {} }, "methodConfig must be an array"],
    [{ loadBalancing: [] }, "loadBalancing"],
    [{ methodConfig: [{ name: [] }] }, "methodConfig[0].name must be an array of the methods"],
    [{ methodConfig: [{ name: [{ method: "Say" }] }] }, "the method Say is named without its service"],
    [{ methodConfig: [{ name: [{}] }, { name: [{}] }] }, "methodConfig[1].name: {} is named twice"],
    [
      { methodConfig: [{ name: [{}], timeout: "1m" }] },
      'methodConfig[0].timeout must be a duration such as "1.5s", not 1m',
    ],
    [{ methodConfig: [{ name: [{}], waitForReady: 1 }] }, "waitForReady must be true or false, not 1"],
    [config({ ...policy, maxAttempts: 1 }), "maxAttempts must be a whole number from 2, not 1"],
    [config({ ...policy, initialBackoff: "0s" }), 'initialBackoff must be longer than 0, not "0s"'],
    [config({ ...policy, maxBackoff: 5 }), "maxBackoff must be a duration"],
    [config({ ...policy, backoffMultiplier: 0 }), "backoffMultiplier must be a number above 0, not 0"],
    [config({ ...policy, retryableStatusCodes: [] }), "retryableStatusCodes must be an array of statuses"],
    [config({ ...policy, retryableStatusCodes: ["OK"] }), 'has "OK", which is no status of an error'],
    [config({ ...policy, retryableStatusCodes: [99] }), "has 99, which is no status of an error"],
    [config({ ...policy, hedging: 1 }), "hedging"],
    [
      { methodConfig: [{ name: [{}], retryPolicy: policy, hedgingPolicy: { maxAttempts: 2 } }] },
      "methodConfig[0] has retryPolicy and hedgingPolicy: a method has one of them, not both",
    ],
    [hedged({ maxAttempts: 1 }), "hedgingPolicy.maxAttempts must be a whole number from 2, not 1"],
    [hedged({ maxAttempts: 2, hedgingDelay: 5 }), "hedgingPolicy.hedgingDelay must be a duration"],
    [
      hedged({ maxAttempts: 2, nonFatalStatusCodes: "UNAVAILABLE" }),
      "nonFatalStatusCodes must be an array of statuses",
    ],
    [hedged({ maxAttempts: 2, nonFatalStatusCodes: ["OK"] }), 'nonFatalStatusCodes has "OK", which is no status'],
    [hedged({ maxAttempts: 2, initialBackoff: "1s" }), "initialBackoff"],
    [{ retryThrottling: { maxTokens: 1_001, tokenRatio: 1 } }, "maxTokens must be above 0 and at most 1000, not 1001"],
    [{ retryThrottling: { maxTokens: 10, tokenRatio: 0 } }, "tokenRatio must be a number above 0, not 0"],
  ])("%j is refused by name", (serviceConfig, message) => {
    expect(() => new Channel("127.0.0.1:1", { serviceConfig: serviceConfig as ServiceConfig })).toThrow(message);
  });
});
