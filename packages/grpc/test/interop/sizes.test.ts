import { Buffer } from "node:buffer";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import { Status } from "../../src/index.js";
import { collect, echo, rejection } from "../support.js";
import { ourClientOfTheirServer, theirClientOfOurServer, theirEchoImplementation } from "./grpc-js.js";

const mebi = 1_048_576;
const largestBytes = sized(6_000_000, 16_000_000);
/** Sizes around every border: prefix, frame and window, up to many times a window. */
const sizes = [
  1,
  2,
  9,
  127,
  128,
  16_370,
  16_379,
  16_384,
  16_385,
  65_523,
  65_535,
  65_536,
  65_537,
  mebi,
  4 * mebi - 100,
  4 * mebi + 1,
  largestBytes,
];
const roomBytes = largestBytes + 100;

/** Bytes that no two places share by accident. */
function payloadOf(size: number): Uint8Array {
  const payload = new Uint8Array(size);
  let state = size;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    payload[index] = state >>> 24;
  }
  return payload;
}

const equal = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0;

/** Header values of these lengths; 3,000 bytes are 4,000 characters of base64. */
function large(total: number): { text: string; bytes: Uint8Array } {
  return { text: "t".repeat(total / 2), bytes: payloadOf((total / 8) * 3) };
}

describe("grpc-js as a client of our server", () => {
  const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

  it("exchanges messages from 1 byte to many megabytes", async () => {
    await using ends = await theirClientOfOurServer(echo, {
      server: { maxReceiveMessageBytes: roomBytes },
      client: unlimited,
    });
    for (const size of sizes) {
      const payload = payloadOf(size);
      const { messages, status } = await ends.client.say({ payload }).outcome;
      expect(status.code).toBe(0);
      expect(equal(messages[0]?.payload, payload), `${size} bytes`).toBe(true);
    }
  });

  it("exchanges messages of all sizes on one stream", async () => {
    await using ends = await theirClientOfOurServer(echo, {
      server: { maxReceiveMessageBytes: roomBytes },
      client: unlimited,
    });
    const { call, outcome } = ends.client.chat();
    const payloads = sizes.map(payloadOf);
    for (const payload of payloads) call.write({ payload });
    call.end();
    const { messages, status } = await outcome;
    expect(status.code).toBe(0);
    expect(messages.map(({ payload }) => payload.length)).toEqual(sizes);
    expect(messages.every(({ payload }, index) => equal(payload, payloads[index] as Uint8Array))).toBe(true);
  });

  it("gets RESOURCE_EXHAUSTED for a message over the limit, and the connection goes on", async () => {
    await using ends = await theirClientOfOurServer(echo, { server: { maxReceiveMessageBytes: 1_000 } });
    const { status } = await ends.client.say({ payload: payloadOf(1_001) }).outcome;
    expect(status.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect(status.details).toContain("1000");
    expect((await ends.client.say({ payload: payloadOf(900) }).outcome).status.code).toBe(0);
  });

  it("exchanges large header values in all three places", async () => {
    const { text, bytes } = large(48_000);
    // Over 16,384 bytes they need CONTINUATION frames, and a server of ours that takes more than it does by default.
    await using ends = await theirClientOfOurServer(
      {
        async say(_request, call) {
          expect(call.metadata.get("text")).toBe(text);
          expect(call.metadata.get("bytes-bin")).toEqual(bytes);
          await call.sendInitialMetadata({ text, "bytes-bin": bytes });
          call.trailingMetadata.set("text", text).set("bytes-bin", bytes);
          return {};
        },
      },
      { server: { http2: { settings: { maxHeaderListSize: 65_536 } } } },
    );
    const metadata = new grpc.Metadata();
    metadata.set("text", text);
    metadata.set("bytes-bin", Buffer.from(bytes));
    const { initial, status } = await ends.client.say({}, metadata).outcome;
    expect(status.code).toBe(0);
    for (const received of [initial, status.metadata]) {
      expect(received?.get("text")).toEqual([text]);
      expect(received?.get("bytes-bin")).toEqual([Buffer.from(bytes)]);
    }
  });

  it("gets RESOURCE_EXHAUSTED for headers over the limit, and the connection goes on", async () => {
    await using ends = await theirClientOfOurServer(echo);
    const metadata = new grpc.Metadata();
    metadata.set("text", "t".repeat(20_000));
    expect((await ends.client.say({}, metadata).outcome).status.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect((await ends.client.say({ text: "next" }).outcome).messages).toMatchObject([{ text: "next" }]);
  });
});

describe("our client with a grpc-js server", () => {
  const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

  it("exchanges messages from 1 byte to many megabytes", async () => {
    await using ends = await ourClientOfTheirServer(theirEchoImplementation, {
      server: unlimited,
      channel: { maxReceiveMessageBytes: roomBytes },
    });
    for (const size of sizes) {
      const payload = payloadOf(size);
      const reply = await ends.client.say({ payload });
      expect(equal(reply.payload, payload), `${size} bytes`).toBe(true);
    }
  });

  it("exchanges messages of all sizes on one stream", async () => {
    await using ends = await ourClientOfTheirServer(theirEchoImplementation, {
      server: unlimited,
      channel: { maxReceiveMessageBytes: roomBytes },
    });
    const payloads = sizes.map(payloadOf);
    const replies = await collect(ends.client.chat(payloads.map((payload) => ({ payload }))));
    expect(replies.map(({ payload }) => payload.length)).toEqual(sizes);
    expect(replies.every(({ payload }, index) => equal(payload, payloads[index] as Uint8Array))).toBe(true);
  });

  it("refuses a message over its limit with RESOURCE_EXHAUSTED, and hears of the server's", async () => {
    await using ends = await ourClientOfTheirServer(theirEchoImplementation, {
      server: { "grpc.max_receive_message_length": 2_000 },
      channel: { maxReceiveMessageBytes: 1_000 },
    });
    const ours = await rejection(ends.client.say({ payload: payloadOf(1_500) }));
    expect(ours.status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(ours.message).toContain("maxReceiveMessageBytes (1000)");
    const theirs = await rejection(ends.client.say({ payload: payloadOf(2_500) }));
    expect(theirs.status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(await ends.client.say({ payload: payloadOf(900) })).toMatchObject({ count: 0 });
  });

  it("exchanges large header values in all three places", async () => {
    const { text, bytes } = large(40_000);
    const received: grpc.Metadata[] = [];
    await using ends = await ourClientOfTheirServer({
      say(call, answer) {
        received.push(call.metadata);
        call.sendMetadata(call.metadata.clone());
        answer(null, {}, call.metadata.clone());
      },
    });
    await using call = ends.client.say.open({ metadata: { text, "bytes-bin": bytes } });
    await call.send({});
    const initial = await call.receiveInitialMetadata();
    await call.receive();
    const trailing = await call.receiveTrailingMetadata();
    expect(received[0]?.get("text")).toEqual([text]);
    expect(received[0]?.get("bytes-bin")).toEqual([Buffer.from(bytes)]);
    for (const metadata of [initial, trailing]) {
      expect(metadata.get("text")).toBe(text);
      expect(metadata.get("bytes-bin")).toEqual(bytes);
    }
  });
});
