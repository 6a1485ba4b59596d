/**
 * gRPC's test service, for interop clients of others. Usage: node server.mjs URL-OF-GENERATED-TYPES [CERTIFICATE KEY];
 * prints its port.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { GrpcError, Server } from "@trunkline/grpc";

const [types, cert, key] = process.argv.slice(2);
const { TestService } = await import(`${types}grpc/testing/test_pb.js`);

const initialKey = "x-grpc-test-echo-initial";
const trailingKey = "x-grpc-test-echo-trailing-bin";

const payloadOf = (size) => ({ payload: { body: new Uint8Array(size) } });

/** Sends back what the client has sent under the two keys, each in its place. */
async function echoMetadata(call) {
  const initial = call.metadata.get(initialKey);
  const trailing = call.metadata.get(trailingKey);
  if (initial !== undefined) await call.sendInitialMetadata({ [initialKey]: initial });
  if (trailing !== undefined) call.trailingMetadata.set(trailingKey, trailing);
}

function throwIfAsked({ responseStatus }) {
  if (responseStatus !== undefined && responseStatus.code !== 0)
    throw new GrpcError(responseStatus.code, responseStatus.message);
}

async function* responses({ responseParameters }) {
  for (const { size, intervalUs } of responseParameters) {
    if (intervalUs > 0) await sleep(intervalUs / 1_000);
    yield payloadOf(size);
  }
}

const server = new Server().add(TestService, {
  emptyCall: () => ({}),
  async unaryCall(request, call) {
    await echoMetadata(call);
    throwIfAsked(request);
    return payloadOf(request.responseSize);
  },
  streamingOutputCall: (request) => responses(request),
  async streamingInputCall(requests) {
    let aggregatedPayloadSize = 0;
    for await (const { payload } of requests) aggregatedPayloadSize += payload?.body.length ?? 0;
    return { aggregatedPayloadSize };
  },
  async *fullDuplexCall(requests, call) {
    await echoMetadata(call);
    for await (const request of requests) {
      throwIfAsked(request);
      yield* responses(request);
    }
  },
});

const options = cert === undefined ? {} : { tls: { cert: readFileSync(cert), key: readFileSync(key) } };
console.log((await server.listen("127.0.0.1:0", options)).split(":").at(-1));
