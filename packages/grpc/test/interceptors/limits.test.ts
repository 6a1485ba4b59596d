import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { createClient, Deadline } from "../../src/index.js";
import { concurrencyLimit, deadlineDefaults } from "../../src/interceptors/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection, settle, until } from "../support.js";

/** Handlers that wait until they are told to go on. */
function held(): { implementation: { say(): Promise<{}> }; waiting: (() => void)[]; most: () => number } {
  const waiting: (() => void)[] = [];
  let running = 0;
  let most = 0;
  return {
    waiting,
    most: () => most,
    implementation: {
      async say() {
        running += 1;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => waiting.push(resolve));
        running -= 1;
        return {};
      },
    },
  };
}

describe("a limit of concurrent calls", () => {
  it("makes a client's calls wait for their turn, in order", async () => {
    const { implementation, waiting, most } = held();
    await using served = channelFor([[Echo, implementation]], {
      channel: { interceptors: [concurrencyLimit({ maxCalls: 2 })] },
    });
    const client = createClient(Echo, served.channel);
    const done: number[] = [];
    const calls = Array.from({ length: 6 }, (_, index) => client.say({}).then(() => done.push(index)));
    for (let released = 0; released < 6; released++) {
      await until(() => waiting.length > 0, "a call at the server");
      waiting.shift()?.();
      await until(() => done.length === released + 1, "its answer");
    }
    await Promise.all(calls);
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
    expect(most()).toBe(2);
  });

  it("refuses at a server what is beyond it, and takes calls again afterwards", async () => {
    const { implementation, waiting } = held();
    await using served = channelFor([[Echo, implementation]], {
      server: { interceptors: [concurrencyLimit({ maxCalls: 1 })] },
    });
    const client = createClient(Echo, served.channel);
    const first = client.say({});
    await until(() => waiting.length === 1, "the first call");
    expect(await rejection(client.say({}))).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      message: "as many calls run as maxCalls (1) allows, and as many wait as maxQueuedCalls (0) allows",
    });
    waiting.shift()?.();
    await first;
    const second = client.say({});
    await until(() => waiting.length === 1, "the second call");
    waiting.shift()?.();
    await second;
  });

  it("queues up to a bound, and forgets calls that are cancelled or late while they wait", async () => {
    const clock = new VirtualClock();
    const { implementation, waiting } = held();
    const limit = concurrencyLimit({ maxCalls: 1, maxQueuedCalls: 3 });
    await using served = channelFor([[Echo, implementation]], {
      channel: { clock },
      server: { clock, interceptors: [limit] },
    });
    const client = createClient(Echo, served.channel);
    const first = client.say({});
    await until(() => waiting.length === 1, "the first call");
    const controller = new AbortController();
    const cancelled = rejection(client.say({}, { signal: controller.signal }));
    const late = rejection(client.say({}, { deadline: Deadline.after(100, clock) }));
    const patient = client.say({});
    await settle();
    expect((await rejection(client.say({}))).code).toBe("RESOURCE_EXHAUSTED");
    controller.abort();
    clock.advance(100);
    expect([(await cancelled).code, (await late).code]).toEqual(["CANCELLED", "DEADLINE_EXCEEDED"]);
    await settle();
    const another = client.say({});
    await settle();
    for (let released = 0; released < 3; released++) {
      await until(() => waiting.length === 1, "the next call");
      waiting.shift()?.();
    }
    await Promise.all([first, patient, another]);
  });

  it("of a client forgets calls that are cancelled while they wait", async () => {
    const { implementation, waiting } = held();
    const limit = concurrencyLimit({ maxCalls: 1, maxQueuedCalls: 1 });
    await using served = channelFor([[Echo, implementation]], { channel: { interceptors: [limit] } });
    const client = createClient(Echo, served.channel);
    const first = client.say({});
    const controller = new AbortController();
    const cancelled = rejection(client.say({}, { signal: controller.signal }));
    expect((await rejection(client.say({}))).code).toBe("RESOURCE_EXHAUSTED");
    controller.abort();
    expect((await cancelled).code).toBe("CANCELLED");
    const last = client.say({});
    for (let released = 0; released < 2; released++) {
      await until(() => waiting.length === 1, "the next call");
      waiting.shift()?.();
    }
    await Promise.all([first, last]);
  });

  it("must be a number of calls", () => {
    expect(() => concurrencyLimit({ maxCalls: 0 })).toThrow(/^maxCalls must be a whole number from 1/);
    expect(() => concurrencyLimit({ maxCalls: 1, maxQueuedCalls: -1 })).toThrow(
      /^maxQueuedCalls must be a whole number from 0/,
    );
  });
});

describe("deadline defaults", () => {
  it("give a deadline to calls without one, and shorten those beyond the limit", async () => {
    const clock = new VirtualClock();
    const seen: (number | undefined)[] = [];
    const implementation = {
      ...echo,
      say(_request: object, call: { deadline: Deadline | undefined }) {
        seen.push(call.deadline?.remainingMs);
        return {};
      },
    };
    const interceptors = [deadlineDefaults({ timeoutMs: 1_000, maxTimeoutMs: 5_000 })];
    for (const options of [
      { channel: { clock, interceptors }, server: { clock } },
      { channel: { clock }, server: { clock, interceptors } },
    ]) {
      await using served = channelFor([[Echo, implementation]], options);
      const client = createClient(Echo, served.channel);
      await client.say({});
      await client.say({}, { deadline: Deadline.after(60_000, clock) });
      await client.say({}, { deadline: Deadline.after(2_000, clock) });
      await client.say({}, { deadline: Deadline.after(Number.POSITIVE_INFINITY, clock) });
      // On the wire a deadline that never comes is none.
      expect(seen.splice(0)).toEqual([
        1_000,
        5_000,
        2_000,
        options.server === undefined || "interceptors" in options.server ? 1_000 : 5_000,
      ]);
    }
  });

  it("bound a handler whose caller set no deadline", async () => {
    const clock = new VirtualClock();
    const implementation = {
      async *expand(_request: object, call: { signal: AbortSignal }) {
        await new Promise((_, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason)));
        yield {};
      },
    };
    await using served = channelFor([[Echo, implementation]], {
      channel: { clock },
      server: { clock, interceptors: [deadlineDefaults({ maxTimeoutMs: 300 })] },
    });
    const failed = rejection(collect(createClient(Echo, served.channel).expand({})));
    await settle();
    clock.advance(300);
    expect((await failed).code).toBe("DEADLINE_EXCEEDED");
  });

  it("must be above zero", () => {
    expect(() => deadlineDefaults({ timeoutMs: 0 })).toThrow(
      "timeoutMs must be a number of milliseconds above zero, not 0",
    );
    expect(() => deadlineDefaults({ maxTimeoutMs: Number.NaN })).toThrow(
      /must be a number of milliseconds above zero, not NaN/,
    );
  });
});
