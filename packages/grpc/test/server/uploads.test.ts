/** Large requests that come side by side: what a server holds of them, and that none stops another. */
import { VirtualClock } from "@trunkline/base/testing";
import { afterEach, describe, expect, it } from "vitest";
import { createClient, GrpcError, MessageBudget, Server, type ServerOptions, Status } from "../../src/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, framed, RawClient, settle, until } from "../support.js";

const say = "/trunkline.test.v1.Echo/Say";
const fourMegabytes = 4_000_000;

let close: () => Promise<void> = async () => {};

afterEach(async () => {
  await close();
  close = async () => {};
});

/** A server on a connection with a raw client. */
function serve(options: ServerOptions = {}): RawClient {
  const server = new Server(options);
  server.add(Echo, echo);
  const client = new RawClient();
  void server.serve(client.serverSide);
  close = async () => {
    client.driver.destroy();
    await server.close({ closeTimeoutMs: 0 });
  };
  return client;
}

describe("large requests side by side", () => {
  it("all come to their ends: 20 of 4 MB on one connection", async () => {
    const served = channelFor([[Echo, { say: ({ payload }) => ({ count: payload.length }) }]]);
    close = () => served.close();
    const client = createClient(Echo, served.channel);
    const payload = new Uint8Array(fourMegabytes);
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.say({ payload })));
    expect(replies.map(({ count }) => count)).toEqual(Array.from({ length: 20 }, () => fourMegabytes));
  });

  it("all come to their ends, too, where the budget of the process has room for one at a time", async () => {
    const messageBudget = new MessageBudget({ maxBytes: 5_000_000 });
    const served = channelFor([[Echo, { say: ({ payload }) => ({ count: payload.length }) }]], {
      server: { messageBudget },
    });
    close = () => served.close();
    const client = createClient(Echo, served.channel);
    const payload = new Uint8Array(fourMegabytes);
    const replies = await Promise.all(Array.from({ length: 6 }, () => client.say({ payload })));
    expect(replies.map(({ count }) => count)).toEqual(Array.from({ length: 6 }, () => fourMegabytes));
    expect(messageBudget.heldBytes).toBe(0);
  });

  it("that never end hold no more than the connection's budget and the one message that may finish", async () => {
    const client = serve();
    let given = 0;
    const upload = framed(new Uint8Array(fourMegabytes)).subarray(0, fourMegabytes - 1);
    const requests = Array.from({ length: 100 }, () => client.request(say));
    for (const { stream } of requests) stream.sendData(upload, { endStream: false });
    await settle(500);
    given = requests.reduce((sum, { stream }) => sum + (upload.length - stream.bufferedBytes), 0);
    // 32 MiB and half of it again, where it was 400 MB.
    expect(given).toBeLessThanOrEqual(48 * 1_048_576);
    expect(given).toBeGreaterThan(16 * 1_048_576);
  });

  it("that stand still fail with RESOURCE_EXHAUSTED while others wait, and make room", async () => {
    const clock = new VirtualClock();
    const client = serve({ clock });
    const upload = framed(new Uint8Array(fourMegabytes)).subarray(0, 100_000);
    const requests = Array.from({ length: 100 }, () => client.request(say));
    for (const { stream } of requests) stream.sendData(upload, { endStream: false });
    await settle(100);
    clock.advance(13_000);
    await until(
      () =>
        requests.some(
          ({ trailers, headers }) => trailers["grpc-status"] !== undefined || headers["grpc-status"] !== undefined,
        ),
      "a failure",
    );
    await settle(100);
    const statuses = requests.map(({ trailers, headers }) => trailers["grpc-status"] ?? headers["grpc-status"]);
    expect(statuses.filter((status) => status === String(Status.RESOURCE_EXHAUSTED)).length).toBeGreaterThan(50);
  });
});

describe("a caller that is refused from its headers", () => {
  it("extends no window for its message, of which nothing is kept", async () => {
    const server = new Server();
    server.add(Echo, echo, {
      interceptors: [
        () => ({
          onRequest() {
            throw new GrpcError(Status.UNAUTHENTICATED, "who are you?");
          },
        }),
      ],
    });
    const client = new RawClient();
    void server.serve(client.serverSide);
    close = async () => {
      client.driver.destroy();
      await server.close({ closeTimeoutMs: 0 });
    };
    const request = client.request(say);
    request.stream.sendData(framed(new Uint8Array(fourMegabytes)), { endStream: false });
    await until(() => request.headers["grpc-status"] !== undefined, "the status");
    expect(request.headers["grpc-status"]).toBe(String(Status.UNAUTHENTICATED));
    await settle(50);
    expect(request.stream.bufferedBytes).toBe(0);
  });

  it("extends no window while the decision waits", async () => {
    let decide = (): void => {};
    const server = new Server();
    const decision = new Promise<void>((resolve) => {
      decide = resolve;
    });
    server.add(Echo, echo, { interceptors: [() => ({ onRequest: () => decision })] });
    const client = new RawClient();
    void server.serve(client.serverSide);
    close = async () => {
      client.driver.destroy();
      await server.close({ closeTimeoutMs: 0 });
    };
    const request = client.request(say);
    const upload = framed(new Uint8Array(1_000_000));
    request.stream.sendData(upload, { endStream: true });
    await settle(200);
    expect(upload.length - request.stream.bufferedBytes).toBeLessThanOrEqual(65_536);
    decide();
    await until(() => request.stream.bufferedBytes === 0, "the upload");
  });
});

describe("limits of single services and methods", () => {
  it("refuse by the prefix what is larger, and leave the others the server's limit", async () => {
    const server = new Server({ maxReceiveMessageBytes: 1_000 });
    server.add(Echo, echo, { maxReceiveMessageBytes: 100, methods: { chat: { maxReceiveMessageBytes: 10 } } });
    const client = new RawClient();
    void server.serve(client.serverSide);
    close = async () => {
      client.driver.destroy();
      await server.close({ closeTimeoutMs: 0 });
    };
    const outcome = async (path: string, bytes: number): Promise<string | undefined> => {
      const request = client.request(path);
      request.stream.sendData(framed(new Uint8Array(bytes), 0, bytes).subarray(0, 5), { endStream: false });
      await settle(30);
      return request.headers["grpc-message"];
    };
    expect(await outcome(say, 101)).toContain("maxReceiveMessageBytes (100)");
    expect(await outcome(say, 100)).toBeUndefined();
    expect(await outcome("/trunkline.test.v1.Echo/Chat", 11)).toContain("maxReceiveMessageBytes (10)");
    expect(await outcome("/trunkline.test.v1.Echo/Chat", 10)).toBeUndefined();
  });

  it("are checked, and so are the names of methods", () => {
    const server = new Server();
    expect(() => server.add(Echo, echo, { maxReceiveMessageBytes: -1 })).toThrow(RangeError);
    expect(() => server.add(Echo, echo, { methods: { chat: { maxReceiveMessageBytes: 0.5 } } })).toThrow(
      "methods.chat.maxReceiveMessageBytes",
    );
    expect(() => server.add(Echo, echo, { methods: { shout: {} } })).toThrow(
      "the method shout, which it does not have",
    );
  });
});
