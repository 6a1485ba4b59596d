/**
 * The server under test: does what the response definition in each first request says. Usage:
 * `node server.mjs URL-OF-GENERATED-TYPES COMPRESSION`.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { GrpcError, Server } from "@trunkline/grpc";
import { brotli } from "./brotli.mjs";
import { headersOf, pairsOf } from "./headers.mjs";
import { readMessages, writeMessage } from "./pipe.mjs";

const [types, compression] = process.argv.slice(2);
const { ServerCompatRequestSchema, ServerCompatResponseSchema } = await import(
  `${types}connectrpc/conformance/v1/server_compat_pb.js`
);
const { ConformanceService, ConformancePayload_RequestInfoSchema: RequestInfoSchema } = await import(
  `${types}connectrpc/conformance/v1/service_pb.js`
);

/** Returns the description of the request that the client is sent back. */
function requestInfo(call, requests) {
  const { deadline, metadata } = call;
  return {
    requestHeaders: headersOf(metadata),
    timeoutMs: deadline === undefined ? undefined : BigInt(Math.floor(deadline.remainingMs)),
    requests: requests.map((message) => anyPack(call.inputType, message)),
  };
}

/** `info` goes along where no payload has carried it. */
function errorOf({ code, message, details }, info) {
  const all = info === undefined ? details : [...details, [RequestInfoSchema, info]];
  return new GrpcError(code, message ?? "", { details: all });
}

async function beginAnswer(call, definition) {
  await call.sendInitialMetadata(pairsOf(definition.responseHeaders));
  for (const [key, value] of pairsOf(definition.responseTrailers)) call.trailingMetadata.append(key, value);
}

/** The one response of a method, after all its requests. */
async function answerOnce(call, requests) {
  const info = requestInfo(call, requests);
  const definition = requests[0]?.responseDefinition;
  if (definition === undefined) return { payload: { requestInfo: info } };
  await beginAnswer(call, definition);
  if (definition.responseDelayMs > 0) await sleep(definition.responseDelayMs);
  const { response } = definition;
  if (response.case === "error") throw errorOf(response.value, info);
  return {
    payload: { data: response.case === "responseData" ? response.value : new Uint8Array(0), requestInfo: info },
  };
}

/** One of many responses. */
async function* answerWith(definition, index, info) {
  if (definition.responseDelayMs > 0) await sleep(definition.responseDelayMs);
  yield { payload: { data: definition.responseData[index], requestInfo: info } };
}

/** Responses from `index` on, then the status. */
async function* answerRest(call, definition, index, requests) {
  for (let next = index; next < definition.responseData.length; next++) {
    yield* answerWith(definition, next, next === 0 ? requestInfo(call, requests) : undefined);
  }
  const { error } = definition;
  if (error !== undefined)
    throw errorOf(error, definition.responseData.length === 0 ? requestInfo(call, requests) : undefined);
}

/** A call that knows the type of its requests. */
function typed(call, { input }) {
  call.inputType = input;
  return call;
}

const { method } = ConformanceService;
const implementation = {
  unary: (request, call) => answerOnce(typed(call, method.unary), [request]),
  idempotentUnary: (request, call) => answerOnce(typed(call, method.idempotentUnary), [request]),
  async clientStream(requests, call) {
    const all = [];
    for await (const request of requests) all.push(request);
    return answerOnce(typed(call, method.clientStream), all);
  },
  async *serverStream(request, call) {
    const definition = request.responseDefinition;
    if (definition === undefined) return;
    await beginAnswer(call, definition);
    yield* answerRest(typed(call, method.serverStream), definition, 0, [request]);
  },
  async *bidiStream(incoming, call) {
    typed(call, method.bidiStream);
    let definition;
    let fullDuplex = false;
    let requests = [];
    let responses = 0;
    for await (const request of incoming) {
      if (definition === undefined) {
        ({ responseDefinition: definition, fullDuplex } = request);
        if (definition === undefined) return;
        await beginAnswer(call, definition);
      }
      requests.push(request);
      if (!fullDuplex) continue;
      if (responses === definition.responseData.length) break;
      const info =
        responses === 0
          ? requestInfo(call, requests)
          : { requests: requests.map((one) => anyPack(call.inputType, one)) };
      yield* answerWith(definition, responses, info);
      responses += 1;
      requests = [];
    }
    if (definition !== undefined) yield* answerRest(call, definition, responses, requests);
  },
};

const { value: wanted } = await readMessages(ServerCompatRequestSchema).next();
const { messageReceiveLimit, serverCreds, clientTlsCert, useTls } = wanted;
const server = new Server({
  compression,
  acceptCompressions: [brotli],
  ...(messageReceiveLimit > 0 ? { maxReceiveMessageBytes: messageReceiveLimit } : {}),
});
server.add(ConformanceService, implementation);
const text = (bytes) => Buffer.from(bytes).toString();
const clients =
  clientTlsCert.length > 0 ? { ca: text(clientTlsCert), requestCert: true, rejectUnauthorized: true } : {};
const tls = useTls ? { cert: text(serverCreds.cert), key: text(serverCreds.key), ...clients } : undefined;
const address = await server.listen("127.0.0.1:0", tls === undefined ? {} : { tls });
const port = Number(address.split(":").at(-1));
const answer = create(ServerCompatResponseSchema, {
  host: "127.0.0.1",
  port,
  pemCert: useTls ? serverCreds.cert : new Uint8Array(0),
});
writeMessage(ServerCompatResponseSchema, answer);
process.once("SIGTERM", async () => {
  await server.close({ closeTimeoutMs: 1_000 });
  process.exit(0);
});
