/**
 * The interop cases as a client of ours performs them, by gRPC's names for them. Each throws when something is not as
 * it must be.
 */
import assert from "node:assert/strict";
import { createClient, Deadline } from "@trunkline/grpc";

const requestSizes = [27_182, 8, 1_828, 45_904];
const responseSizes = [31_415, 9, 2_653, 58_979];
const largeRequestBytes = 271_828;
const largeResponseBytes = 314_159;
const soakIterations = 10;

const initialKey = "x-grpc-test-echo-initial";
const initialValue = "test_initial_metadata_value";
const trailingKey = "x-grpc-test-echo-trailing-bin";
const trailingValue = Uint8Array.of(0xab, 0xab, 0xab);
const echoed = { [initialKey]: initialValue, [trailingKey]: trailingValue };

const payloadOf = (size) => ({ body: new Uint8Array(size) });
const code = (expected) => (error) =>
  error.code === expected || assert.fail(`${error.code} instead of ${expected}: ${error.message}`);

async function largeUnary({ unaryCall }) {
  const { payload } = await unaryCall({ responseSize: largeResponseBytes, payload: payloadOf(largeRequestBytes) });
  assert.equal(payload.body.length, largeResponseBytes);
}

function checkEchoed(initial, trailing) {
  assert.deepEqual(initial.getAll(initialKey), [initialValue]);
  assert.deepEqual(trailing.getAll(trailingKey), [trailingValue]);
}

async function expectStatus({ unaryCall }, responseStatus) {
  await assert.rejects(unaryCall({ responseStatus }), { status: responseStatus.code, message: responseStatus.message });
}

/**
 * Each gets a client of the test service, the generated types, and what makes another channel.
 * @type {Readonly<Record<string, (client: any, types: any, newChannel: () => import("@trunkline/grpc").Channel) =>
 * Promise<void>>>}
 */
export const cases = {
  async empty_unary({ emptyCall }) {
    assert.equal((await emptyCall({})).$typeName, "grpc.testing.Empty");
  },

  large_unary: largeUnary,

  async client_streaming({ streamingInputCall }) {
    const reply = await streamingInputCall(requestSizes.map((size) => ({ payload: payloadOf(size) })));
    assert.equal(
      reply.aggregatedPayloadSize,
      requestSizes.reduce((sum, size) => sum + size),
    );
  },

  async server_streaming({ streamingOutputCall }) {
    const sizes = [];
    for await (const { payload } of streamingOutputCall({
      responseParameters: responseSizes.map((size) => ({ size })),
    })) {
      sizes.push(payload.body.length);
    }
    assert.deepEqual(sizes, responseSizes);
  },

  async ping_pong({ fullDuplexCall }) {
    const call = fullDuplexCall.open();
    for (const [index, size] of responseSizes.entries()) {
      await call.send({ responseParameters: [{ size }], payload: payloadOf(requestSizes[index]) });
      assert.equal((await call.receive()).payload.body.length, size);
    }
    await call.sendEof();
    assert.equal(await call.receive(), undefined);
  },

  async empty_stream({ fullDuplexCall }) {
    const call = fullDuplexCall.open();
    await call.sendEof();
    assert.equal(await call.receive(), undefined);
  },

  async timeout_on_sleeping_server({ fullDuplexCall }) {
    const call = fullDuplexCall.open({ deadline: Deadline.after(1) });
    await call.send({ payload: payloadOf(27_182) }).catch(code("DEADLINE_EXCEEDED"));
    await assert.rejects(call.receive(), code("DEADLINE_EXCEEDED"));
  },

  async cancel_after_begin({ streamingInputCall }) {
    const call = streamingInputCall.open({ metadata: { key1: "value1", key2: "value2" } });
    await call.start();
    call.cancel();
    await assert.rejects(call.receive(), code("CANCELLED"));
  },

  async cancel_after_first_response({ fullDuplexCall }) {
    const call = fullDuplexCall.open();
    await call.send({ responseParameters: [{ size: 31_415 }], payload: payloadOf(27_182) });
    assert.equal((await call.receive()).payload.body.length, 31_415);
    call.cancel();
    await assert.rejects(call.receive(), code("CANCELLED"));
  },

  async status_code_and_message(client) {
    const responseStatus = { code: 2, message: "test status message" };
    await expectStatus(client, responseStatus);
    const call = client.fullDuplexCall.open();
    await call.send({ responseStatus });
    await call.sendEof();
    await assert.rejects(call.receive(), { status: 2, message: responseStatus.message });
  },

  special_status_message: (client) =>
    expectStatus(client, { code: 2, message: "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n" }),

  async custom_metadata({ unaryCall, fullDuplexCall }) {
    let initial;
    let trailing;
    await unaryCall(
      { responseSize: 1, payload: payloadOf(1) },
      {
        metadata: echoed,
        onInitialMetadata: (metadata) => {
          initial = metadata;
        },
        onTrailingMetadata: (metadata) => {
          trailing = metadata;
        },
      },
    );
    checkEchoed(initial, trailing);
    const call = fullDuplexCall.open({ metadata: echoed });
    await call.send({ responseParameters: [{ size: 1 }], payload: payloadOf(1) });
    await call.receiveInitialMetadata();
    assert.equal((await call.receive()).payload.body.length, 1);
    await call.sendEof();
    assert.equal(await call.receive(), undefined);
    checkEchoed(call.initialMetadata, await call.receiveTrailingMetadata());
  },

  unimplemented_method: ({ unimplementedCall }) => assert.rejects(unimplementedCall({}), code("UNIMPLEMENTED")),

  async unimplemented_service(_client, { UnimplementedService }, newChannel) {
    const channel = newChannel();
    try {
      await assert.rejects(createClient(UnimplementedService, channel).unimplementedCall({}), code("UNIMPLEMENTED"));
    } finally {
      await channel.close();
    }
  },

  async rpc_soak(client) {
    for (let iteration = 0; iteration < soakIterations; iteration++) await largeUnary(client);
  },

  async channel_soak(_client, { TestService }, newChannel) {
    for (let iteration = 0; iteration < soakIterations; iteration++) {
      const channel = newChannel();
      try {
        await largeUnary(createClient(TestService, channel));
      } finally {
        await channel.close();
      }
    }
  },
};
