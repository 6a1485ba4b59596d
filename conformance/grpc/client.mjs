/**
 * The client under test: makes the call that each message on stdin describes, and reports its outcome. Usage:
 * `node client.mjs URL-OF-GENERATED-TYPES`.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Channel, createClient, Deadline, GrpcError } from "@trunkline/grpc";
import { brotli } from "./brotli.mjs";
import { headersOf, pairsOf } from "./headers.mjs";
import { readMessages, writeMessage } from "./pipe.mjs";

const types = process.argv[2];
const { ClientCompatRequestSchema, ClientCompatResponseSchema } = await import(
  `${types}connectrpc/conformance/v1/client_compat_pb.js`
);
const { Codec, Compression, StreamType } = await import(`${types}connectrpc/conformance/v1/config_pb.js`);
const { ConformanceService } = await import(`${types}connectrpc/conformance/v1/service_pb.js`);

const compressions = {
  [Compression.IDENTITY]: "identity",
  [Compression.GZIP]: "gzip",
  [Compression.DEFLATE]: "deflate",
  [Compression.BR]: brotli,
};

const text = (bytes) => Buffer.from(bytes).toString();

function channelFor({ host, port, serverTlsCert, clientTlsCreds, compression, messageReceiveLimit }) {
  const options = { compression: compressions[compression] };
  if (messageReceiveLimit > 0) options.maxReceiveMessageBytes = messageReceiveLimit;
  if (serverTlsCert.length > 0) {
    options.tls = { ca: text(serverTlsCert) };
    if (clientTlsCreds !== undefined)
      Object.assign(options.tls, { cert: text(clientTlsCreds.cert), key: text(clientTlsCreds.key) });
  }
  return new Channel(`${host}:${port}`, options);
}

/** The state that the two forms share: the call's options, its outcome so far, and the time to cancel it. */
class Attempt {
  result = { payloads: [] };
  controller = new AbortController();

  constructor(asked, method) {
    this.asked = asked;
    this.method = method;
    this.timing = asked.cancel === undefined ? undefined : (asked.cancel.cancelTiming ?? { case: undefined });
  }

  get options() {
    const { requestHeaders, timeoutMs } = this.asked;
    return {
      metadata: pairsOf(requestHeaders),
      signal: this.controller.signal,
      ...(timeoutMs === undefined ? {} : { deadline: Deadline.after(timeoutMs) }),
      onInitialMetadata: (metadata) => {
        this.result.responseHeaders = headersOf(metadata);
      },
      onTrailingMetadata: (metadata) => {
        this.result.responseTrailers = headersOf(metadata);
      },
    };
  }

  async *requests() {
    for (const packed of this.asked.requestMessages) {
      if (this.asked.requestDelayMs > 0) await sleep(this.asked.requestDelayMs);
      yield anyUnpack(packed, this.method.input);
    }
  }

  /** All requests are sent, and their end is about to be. */
  beforeEnd() {
    if (this.timing?.case === "beforeCloseSend") this.controller.abort();
  }

  async afterEnd() {
    if (this.timing === undefined || !["afterCloseSendMs", undefined].includes(this.timing.case)) return;
    await sleep(this.timing.value ?? 0);
    this.controller.abort();
  }

  took(response) {
    const { payloads } = this.result;
    payloads.push(response.payload ?? {});
    if (this.timing?.case === "afterNumResponses" && payloads.length === this.timing.value) this.controller.abort();
  }
}

/** Methods with one response, in their short form. */
async function callForOne(attempt, call) {
  const requests = attempt.requests();
  if (attempt.method.methodKind === "unary") {
    const { value } = await requests.next();
    const response = call(value, attempt.options);
    await Promise.all([attempt.afterEnd(), response.then((one) => attempt.took(one))]);
    return;
  }
  let after;
  const ended = async function* () {
    yield* requests;
    attempt.beforeEnd();
    after = attempt.afterEnd();
  };
  const response = await call(ended(), attempt.options);
  await after;
  attempt.took(response);
}

/** Methods with many responses, step by step. */
async function callForMany(attempt, { open }) {
  const call = open(attempt.options);
  const take = async () => {
    const response = await call.receive();
    if (response !== undefined) attempt.took(response);
    return response !== undefined;
  };
  for await (const request of attempt.requests()) {
    await call.send(request).catch(() => {}); // `receive` tells why
    if (attempt.asked.streamType === StreamType.FULL_DUPLEX_BIDI_STREAM && !(await take())) return;
  }
  attempt.beforeEnd();
  await call.sendEof().catch(() => {});
  await attempt.afterEnd();
  while (await take());
}

async function perform(attempt, method) {
  const { methodKind } = attempt.method;
  try {
    await (["unary", "client_streaming"].includes(methodKind) ? callForOne : callForMany)(attempt, method);
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    attempt.result.error = { code: error.status, message: error.message, details: error.details };
  }
  return attempt.result;
}

async function answer(asked) {
  const method = ConformanceService.methods.find(({ name }) => name === asked.method);
  if (asked.service !== ConformanceService.typeName || method === undefined)
    throw new Error(`there is no ${asked.service}/${asked.method}`);
  const channel = channelFor(asked);
  try {
    const client = createClient(ConformanceService, channel, { codec: asked.codec === Codec.JSON ? "json" : "proto" });
    return await perform(new Attempt(asked, method), client[method.localName]);
  } finally {
    await channel.close({ closeTimeoutMs: 0 });
  }
}

async function respond(asked) {
  const { testName } = asked;
  const result = await answer(asked).then(
    (value) => ({ case: "response", value }),
    (error) => ({ case: "error", value: { message: String(error.stack ?? error) } }),
  );
  writeMessage(ClientCompatResponseSchema, create(ClientCompatResponseSchema, { testName, result }));
}

/** Deadlines count from when a call begins: what begins together waits for its connection and for each other. */
const atOnce = 8;

const running = new Set();
for await (const asked of readMessages(ClientCompatRequestSchema)) {
  const one = respond(asked).finally(() => running.delete(one));
  running.add(one);
  if (running.size >= atOnce) await Promise.race(running);
}
await Promise.all(running);
