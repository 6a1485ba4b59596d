/** Hedged calls: several attempts beside each other by a hedging policy (gRFC A6), on a virtual clock. */
import { ErrorCode } from "@trunkline/h2";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  Channel,
  type ChannelOptions,
  type Client,
  createClient,
  type HedgingPolicy,
  Server,
  Status,
} from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { type RawRequest, RawServer, rejection, responseHeaders, settle, until } from "../support.js";
import { end, type Fields, fieldsOf, more } from "./support/raw-answers.js";

let clock: VirtualClock;
let server: RawServer;
const policy: HedgingPolicy = { maxAttempts: 3, hedgingDelay: "0.1s", nonFatalStatusCodes: ["UNAVAILABLE"] };

function serve(own: Partial<HedgingPolicy> = {}, options: ChannelOptions = {}): Client<typeof Echo> {
  clock = new VirtualClock();
  const serviceConfig = {
    methodConfig: [{ name: [{}], hedgingPolicy: { ...policy, ...own } }],
    ...options.serviceConfig,
  };
  server = new RawServer({ clock, ...options, serviceConfig });
  return createClient(Echo, server.channel);
}

afterEach(() => server.close());

const attempts = (count: number): Promise<unknown> =>
  until(() => server.requests.length === count, `attempt ${count}`).then(() => settle());
const request = (index: number): RawRequest => server.requests[index] as RawRequest;
const answer = (index: number, status: Status, fields: Fields = {}): void =>
  request(index).stream.sendHeaders(
    [...responseHeaders, ...fieldsOf({ "grpc-status": String(status), ...fields })],
    end,
  );
const numbers = (): (string | undefined)[] =>
  server.requests.map(({ fields }) => fields.find(({ name }) => name === "grpc-previous-rpc-attempts")?.value);

describe("a hedging policy", () => {
  it("begins an attempt after each delay, and a fatal status of one ends the call and the others", async () => {
    const failed = rejection(serve().say({}));
    await attempts(1);
    clock.advance(99);
    await settle();
    expect(server.requests).toHaveLength(1);
    clock.advance(1);
    await attempts(2);
    clock.advance(100);
    await attempts(3);
    clock.advance(10_000);
    await settle();
    expect(numbers()).toEqual([undefined, "1", "2"]);
    answer(1, Status.NOT_FOUND);
    expect((await failed).status).toBe(Status.NOT_FOUND);
    await until(() => request(0).reset !== undefined && request(2).reset !== undefined, "the resets");
    expect(request(0).reset?.errorCode).toBe(ErrorCode.CANCEL);
  });

  it.each([0, 1])("goes on with attempt %i whose headers come first, and cancels the other", async (winner) => {
    const call = serve().say.open();
    await call.send({ text: "a" });
    await attempts(1);
    clock.advance(100);
    await attempts(2);
    request(winner).stream.sendHeaders(responseHeaders, more);
    await call.receiveInitialMetadata();
    await until(() => request(1 - winner).reset !== undefined, "the reset");
    expect(call.previousAttempts).toBe(winner);
    clock.advance(10_000);
    await settle();
    expect(server.requests).toHaveLength(2);
    expect(request(winner).reset).toBeUndefined();
    call.cancel();
    await until(() => request(winner).reset !== undefined, "the cancellation");
  });

  it("begins the next attempt at once after a status that is not fatal, and fails with the last one", async () => {
    const failed = rejection(serve().say({}));
    for (const index of [0, 1, 2]) {
      await attempts(index + 1);
      answer(index, Status.UNAVAILABLE, { "grpc-message": `failure ${index}` });
    }
    expect(await failed).toMatchObject({ status: Status.UNAVAILABLE, message: "failure 2" });
    expect(numbers()).toEqual([undefined, "1", "2"]);
  });

  it.each([0, 1])("lets the others go on when the last attempts are under way and %i fails", async (first) => {
    let ended = false;
    const failed = rejection(serve({ maxAttempts: 2 }).say({})).finally(() => {
      ended = true;
    });
    await attempts(1);
    clock.advance(100);
    await attempts(2);
    answer(first, Status.UNAVAILABLE);
    await settle();
    expect(ended).toBe(false);
    answer(1 - first, Status.UNAVAILABLE, { "grpc-message": "the last" });
    expect((await failed).message).toBe("the last");
  });

  it("sends all attempts at once without a delay, and at most five", async () => {
    const failed = rejection(serve({ maxAttempts: 50, hedgingDelay: undefined }).say({}));
    await attempts(5);
    answer(4, Status.INTERNAL);
    expect((await failed).status).toBe(Status.INTERNAL);
  });

  it("waits as long as a pushback says, and begins no more after one that forbids it", async () => {
    const failed = rejection(serve().say({}));
    await attempts(1);
    answer(0, Status.UNAVAILABLE, { "grpc-retry-pushback-ms": "5000" });
    await settle();
    clock.advance(4_999);
    await settle();
    expect(server.requests).toHaveLength(1);
    clock.advance(1);
    await attempts(2);
    answer(1, Status.UNAVAILABLE, { "grpc-retry-pushback-ms": "-1" });
    expect((await failed).status).toBe(Status.UNAVAILABLE);
    expect(server.requests).toHaveLength(2);
  });

  it("begins no hedge while calls are throttled", async () => {
    const retryThrottling = { maxTokens: 2, tokenRatio: 1 };
    const { say } = serve({}, { serviceConfig: { retryThrottling } });
    const first = rejection(say({}));
    await attempts(1);
    answer(0, Status.UNAVAILABLE);
    await first;
    const second = rejection(say({}));
    await attempts(2);
    clock.advance(10_000);
    await settle();
    expect(server.requests).toHaveLength(2);
    answer(1, Status.INTERNAL);
    await second;
  });

  it("ends all attempts at the deadline", async () => {
    const failed = rejection(serve().say({}, { timeoutMs: 150 }));
    await attempts(1);
    clock.advance(100);
    await attempts(2);
    clock.advance(50);
    expect((await failed).status).toBe(Status.DEADLINE_EXCEEDED);
    await until(() => server.requests.every(({ reset }) => reset !== undefined), "the resets");
  });

  it("sends a hedge again that the server has refused unprocessed, under the same number", async () => {
    const failed = rejection(serve({ maxAttempts: 2 }).say({}));
    await attempts(1);
    clock.advance(100);
    await attempts(2);
    request(1).stream.reset(ErrorCode.REFUSED_STREAM);
    await attempts(3);
    expect(numbers()).toEqual([undefined, "1", "1"]);
    answer(2, Status.INTERNAL);
    expect((await failed).status).toBe(Status.INTERNAL);
  });

  it("shows interceptors each attempt with its own end", async () => {
    const log: string[] = [];
    const { say } = serve(
      { maxAttempts: 2 },
      {
        interceptors: [
          () => ({
            onAttempt({ previousAttempts }) {
              log.push(`begin ${previousAttempts}`);
              return {
                onMessageSent() {
                  log.push(`sent ${previousAttempts}`);
                },
                onEnd({ status }) {
                  log.push(`end ${previousAttempts} ${status}`);
                },
              };
            },
            onEnd({ status }) {
              log.push(`end ${status}`);
            },
          }),
        ],
      },
    );
    const failed = rejection(say({}));
    await attempts(1);
    clock.advance(100);
    await attempts(2);
    answer(1, Status.INTERNAL);
    await failed;
    const expected = ["begin 0", "sent 0", "begin 1", "sent 1", "end 0 1", "end 1 13", "end 13"];
    expect(log).toEqual(expected);
  });

  it("makes one attempt of a call with a stream of requests", async () => {
    const failed = rejection(serve().collect([{ text: "a" }]));
    await attempts(1);
    clock.advance(10_000);
    await settle();
    expect(server.requests).toHaveLength(1);
    answer(0, Status.UNAVAILABLE);
    expect((await failed).status).toBe(Status.UNAVAILABLE);
  });

  it("gives the caller the whole answer of a hedge, and the server the number of attempts before", async () => {
    serve();
    const seen: number[] = [];
    let release = (): void => {};
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const real = new Server().add(Echo, {
      async say({ text, payload }, call) {
        seen.push(call.previousAttempts);
        if (call.previousAttempts === 0) await slow;
        return { text, payload };
      },
    });
    const connect = () => {
      const [near, far] = duplexPair();
      void real.serve(far);
      return near;
    };
    const serviceConfig = { methodConfig: [{ name: [{}], hedgingPolicy: policy }] };
    const channel = new Channel({ connect }, { clock, serviceConfig });
    const reply = createClient(Echo, channel).say({ text: "a", payload: new Uint8Array(300_000) });
    await until(() => seen.length === 1, "the first attempt");
    clock.advance(100);
    expect(await reply).toMatchObject({ text: "a" });
    expect((await reply).payload).toHaveLength(300_000);
    expect(seen).toEqual([0, 1]);
    release();
    await channel.close({ closeTimeoutMs: 0 });
    await real.close({ closeTimeoutMs: 0 });
  });
});
