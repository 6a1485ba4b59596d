import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type CallOptions,
  type Client,
  createClient,
  Deadline,
  type GrpcError,
  type Implementation,
  type ServerCall,
} from "../../src/index.js";
import { asyncContext, currentCall } from "../../src/interceptors/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, rejection, settle, until } from "../support.js";

type AnyServerCall = ServerCall<{}, {}>;

let clock: VirtualClock;
/** The calls as the inner server sees them. */
let inner: AnyServerCall[];
let failures: GrpcError[];
const open: ChannelForServices[] = [];

const hanging: Implementation<typeof Echo> = {
  say(_request, call) {
    inner.push(call as AnyServerCall);
    return new Promise((_, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason)));
  },
};

/** A client of a server whose handlers call another server that never answers. */
function chained(
  within: (inward: Client<typeof Echo>, call: AnyServerCall) => Promise<unknown>,
  automatic = false,
): Client<typeof Echo> {
  const interceptors = automatic ? [asyncContext()] : [];
  const back = channelFor([[Echo, hanging]], { channel: { clock, interceptors }, server: { clock } });
  const inward = createClient(Echo, back.channel);
  const front = channelFor(
    [
      [
        Echo,
        {
          async say(_request, call) {
            failures.push(await rejection(within(inward, call as AnyServerCall)));
            return {};
          },
        },
      ],
    ],
    { channel: { clock }, server: { clock, interceptors } },
  );
  open.push(back, front);
  return createClient(Echo, front.channel);
}

beforeEach(() => {
  clock = new VirtualClock();
  inner = [];
  failures = [];
});

afterEach(async () => {
  for (const one of open.splice(0)) {
    const closed = one.close();
    clock.advance(10_000);
    await closed;
  }
});

const ways: [string, (inward: Client<typeof Echo>, call: AnyServerCall) => Promise<unknown>, boolean][] = [
  ["{ parent: call }", (inward, call) => inward.say({}, { parent: call }), false],
  ["the call itself", (inward, call) => inward.say({}, call as CallOptions), false],
  ["async context", (inward) => inward.say({}), true],
];

describe.each(ways)("a call that belongs to another by %s", (_name, within, automatic) => {
  it("has the parent's deadline, but not its metadata", async () => {
    const client = chained(within, automatic);
    const failed = rejection(client.say({}, { deadline: Deadline.after(700, clock), metadata: { secret: "s" } }));
    await until(() => inner.length === 1, "the inner call");
    expect(inner[0]?.deadline?.remainingMs).toBe(700);
    expect(inner[0]?.metadata.size).toBe(0);
    clock.advance(700);
    expect((await failed).code).toBe("DEADLINE_EXCEEDED");
    await until(() => failures.length === 1, "the inner failure");
    expect(failures[0]?.code).toBe("DEADLINE_EXCEEDED");
  });

  it("is cancelled with its parent, through to the inner server", async () => {
    const client = chained(within, automatic);
    const controller = new AbortController();
    const failed = rejection(client.say({}, { signal: controller.signal }));
    await until(() => inner.length === 1, "the inner call");
    expect(inner[0]?.deadline).toBeUndefined();
    controller.abort();
    expect((await failed).code).toBe("CANCELLED");
    await until(() => failures.length === 1 && inner[0]?.signal.aborted === true, "the cancellation");
    expect(failures[0]?.code).toBe("CANCELLED");
  });
});

describe("a call that belongs to another", () => {
  it("keeps a deadline of its own that is shorter", async () => {
    const client = chained((inward, call) => inward.say({}, { parent: call, deadline: Deadline.after(100, clock) }));
    void rejection(client.say({}, { deadline: Deadline.after(700, clock) }));
    await until(() => inner.length === 1, "the inner call");
    expect(inner[0]?.deadline?.remainingMs).toBe(100);
    clock.advance(100);
    await until(() => failures.length === 1, "the inner failure");
    expect(failures[0]?.code).toBe("DEADLINE_EXCEEDED");
  });

  it("is not begun when its parent is over", async () => {
    const client = chained(async (inward, call) => {
      await rejection(
        call.receive().then(() => new Promise((_, reject) => call.signal.addEventListener("abort", reject))),
      );
      return inward.say({}, { parent: call });
    });
    const controller = new AbortController();
    void rejection(client.say({}, { signal: controller.signal }));
    await settle();
    controller.abort();
    await until(() => failures.length === 1, "the inner failure");
    expect(failures[0]?.code).toBe("CANCELLED");
    expect(inner).toEqual([]);
  });

  it("takes anything with a deadline and a signal for its parent, and listens no longer than it lasts", async () => {
    await using served = channelFor([[Echo, { say: () => ({}), expand: async function* () {} }]], {
      channel: { clock },
      server: { clock },
    });
    const client = createClient(Echo, served.channel);
    let listeners = 0;
    const signal = {
      aborted: false,
      reason: undefined,
      addEventListener: () => void listeners++,
      removeEventListener: () => void listeners--,
    };
    await client.say({}, { parent: { signal } });
    await collect(client.expand({}, { parent: { signal } }));
    expect(listeners).toBe(0);
    const error = await rejection(client.say({}, { parent: { deadline: Deadline.after(0, clock) } }));
    expect(error.code).toBe("DEADLINE_EXCEEDED");
  });

  it("is found in async context only inside of a handler", async () => {
    expect(currentCall()).toBeUndefined();
    const seen: (string | undefined)[] = [];
    const client = chained(async () => {
      await settle(1);
      seen.push(currentCall()?.path);
      throw new Error("enough");
    }, true);
    await client.say({});
    expect(seen).toEqual(["/trunkline.test.v1.Echo/Say"]);
  });
});
