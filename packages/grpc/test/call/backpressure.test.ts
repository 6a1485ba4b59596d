import { afterEach, describe, expect, it } from "vitest";
import { type Client, createClient, type Implementation, type ServerCall, Status } from "../../src/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo, type EchoRequest } from "../gen/echo_pb.js";
import { collect, echo, rejection, settle, until } from "../support.js";

let served: ChannelForServices | undefined;

function clientOf(implementation: Implementation<typeof Echo>, limit?: number): Client<typeof Echo> {
  const options = { maxReceiveMessageBytes: limit };
  served = channelFor([[Echo, implementation]], { channel: options, server: options });
  return createClient(Echo, served.channel);
}

afterEach(async () => {
  await served?.close();
  served = undefined;
});

const block = new Uint8Array(16_000);

describe("a sender to a slow reader stops", () => {
  it("from client to server, and goes on when it is read", async () => {
    let server: ServerCall<EchoRequest, {}> | undefined;
    const client = clientOf({
      chat: {
        async open(call) {
          server = call;
          await new Promise(() => {});
        },
      },
    });
    const call = client.chat.open();
    let sent = 0;
    const sending = (async () => {
      for (; sent < 200; sent++) await call.send({ payload: block });
      await call.sendEof();
    })();
    await until(() => server !== undefined, "the handler");
    await settle(100);
    const stoppedAt = sent;
    expect(stoppedAt * block.length).toBeLessThan(400_000);
    await settle(100);
    expect(sent).toBe(stoppedAt);
    let received = 0;
    while ((await server?.receive()) !== undefined) received += 1;
    await sending;
    expect(received).toBe(200);
    call.cancel();
  });

  it("from server to client, in generators too", async () => {
    let sent = 0;
    const client = clientOf({
      async *expand(request) {
        for (; sent < request.count; sent++) yield { payload: block };
      },
    });
    const call = client.expand.open();
    await call.send({ count: 200 });
    await call.receiveInitialMetadata();
    await settle(100);
    const stoppedAt = sent;
    expect(stoppedAt * block.length).toBeLessThan(400_000);
    await settle(100);
    expect(sent).toBe(stoppedAt);
    expect((await collect(call)).length).toBe(200);
  });

  it("and the others on its connection do not notice", async () => {
    const client = clientOf({
      ...echo,
      async *expand() {
        for (;;) yield { payload: block };
      },
    });
    const stuck = client.expand.open();
    await stuck.send({});
    await stuck.receiveInitialMetadata();
    await settle(100);
    const big = new Uint8Array(1_000_000).fill(1);
    for (let index = 0; index < 3; index++)
      expect((await client.say({ payload: big })).payload.length).toBe(big.length);
    stuck.cancel();
  });
});

describe("a message larger than the window", () => {
  it("arrives both ways, in all kinds", async () => {
    const client = clientOf(echo, 20_000_000);
    const payload = Uint8Array.from({ length: 5_000_000 }, (_, index) => index * 31);
    const same = (other: Uint8Array | undefined): boolean =>
      other !== undefined && Buffer.compare(other, payload) === 0;
    expect(same((await client.say({ payload })).payload)).toBe(true);
    for await (const response of client.chat([{ payload }, { payload }])) expect(same(response.payload)).toBe(true);
    await using call = client.chat.open();
    await call.send({ payload });
    expect(same((await call.receive())?.payload)).toBe(true);
  });

  it("of 4 MiB is taken by default, and one byte more is not", async () => {
    const client = clientOf(echo);
    // 1 byte of key and 4 of length come before the payload.
    const largest = new Uint8Array(4_194_304 - 5);
    expect((await client.say({ payload: largest })).payload.length).toBe(largest.length);
    expect(await rejection(client.say({ payload: new Uint8Array(largest.length + 1) }))).toMatchObject({
      status: Status.RESOURCE_EXHAUSTED,
      message: "request message of 4194305 bytes is larger than maxReceiveMessageBytes (4194304)",
    });
  });
});

it("a thousand calls at once on one connection are all answered", async () => {
  const client = clientOf(echo);
  const replies = await Promise.all(Array.from({ length: 3_000 }, (_, count) => client.say({ count })));
  expect(replies.every(({ count }, index) => count === index)).toBe(true);
});

it("a small part of a message that is kept does not keep what came with it", async () => {
  const client = clientOf({
    async *expand() {
      for (let index = 0; index < 50; index++) yield { payload: new Uint8Array(3), text: "x".repeat(1_000) };
    },
  });
  for (const { payload } of await collect(client.expand({}))) expect(payload.buffer.byteLength).toBeLessThan(8_192);
});
