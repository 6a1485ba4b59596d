/** @grpc/grpc-js as both. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { Absent, Peer, RichStatusSchema } from "../gen/peer_pb.js";
import { cancelledUnder, countCancelled, digested, filled, isReported, replyTo, runProgram } from "./program.mjs";

const options = { "grpc.max_receive_message_length": 64 * 2 ** 20, "grpc.max_send_message_length": -1 };
const detailsKey = "grpc-status-details-bin";
const gzip = 2;

const [definition, absent] = [Peer, Absent].map((service) =>
  Object.fromEntries(
    service.methods.map(({ localName, name, methodKind, input, output }) => {
      const codec = (schema) => ({
        write: (message) => Buffer.from(toBinary(schema, create(schema, message))),
        read: (bytes) => fromBinary(schema, bytes),
      });
      const [request, response] = [codec(input), codec(output)];
      return [
        localName,
        {
          path: `/${service.typeName}/${name}`,
          requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
          responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
          requestSerialize: request.write,
          requestDeserialize: request.read,
          responseSerialize: response.write,
          responseDeserialize: response.read,
        },
      ];
    }),
  ),
);

function toMetadata(entries, metadata = new grpc.Metadata()) {
  for (const { key, value } of entries)
    metadata.add(key, key.endsWith("-bin") ? Buffer.from(value) : Buffer.from(value).toString("latin1"));
  return metadata;
}

function toEntries(metadata) {
  const keys = Object.keys(metadata?.getMap() ?? {}).filter(isReported);
  return keys.flatMap((key) => metadata.get(key).map((value) => ({ key, value: Buffer.from(value, "latin1") })));
}

function statusOf(first) {
  const metadata = toMetadata(first.trailing);
  if (first.details.length > 0) {
    const rich = create(RichStatusSchema, { code: first.code, message: first.message, details: first.details });
    metadata.add(detailsKey, Buffer.from(toBinary(RichStatusSchema, rich)));
  }
  return { code: first.code, details: first.message, metadata };
}

async function serve() {
  const about = (call, count) => {
    const deadline = call.getDeadline();
    const timeoutMs = deadline === Number.POSITIVE_INFINITY ? undefined : Number(deadline) - Date.now();
    return { count, metadata: toEntries(call.metadata), timeoutMs };
  };
  const begin = (call, first) => {
    if (first.initial.length > 0 || first.hang !== "") call.sendMetadata(toMetadata(first.initial));
    if (first.hang !== "") call.on("cancelled", () => countCancelled(first.hang));
    return first.hang !== "";
  };
  const finishStream = (call, first) => {
    if (first === undefined || first.code === 0) call.end(first && toMetadata(first.trailing));
    else call.emit("error", statusOf(first));
  };
  const server = new grpc.Server(options);
  server.addService(definition, {
    unary(call, done) {
      const { request } = call;
      if (begin(call, request)) return;
      if (request.code === 0) done(null, replyTo([request], about(call, 0)), toMetadata(request.trailing));
      else done(statusOf(request));
    },
    serverStream(call) {
      const { request } = call;
      const hangs = begin(call, request);
      for (let count = 0; count < request.replies; count++) call.write(replyTo([request], about(call, count)));
      if (!hangs) finishStream(call, request);
    },
    clientStream(call, done) {
      const all = [];
      let hangs = false;
      call.on("data", (request) => {
        if (all.push(request) === 1) hangs = begin(call, request);
      });
      call.on("end", () => {
        if (hangs) return;
        if ((all[0]?.code ?? 0) === 0)
          done(null, replyTo(all, about(call, all.length)), toMetadata(all[0]?.trailing ?? []));
        else done(statusOf(all[0]));
      });
    },
    bidi(call) {
      let first;
      let hangs = false;
      let count = 0;
      call.on("data", (request) => {
        if (first === undefined) hangs = begin(call, request);
        first ??= request;
        call.write(replyTo([request], about(call, count++)));
      });
      call.on("end", () => {
        if (!hangs) finishStream(call, first);
      });
    },
    seen: ({ request }, done) => done(null, { cancelled: cancelledUnder(request.text) }),
  });
  return await new Promise((resolve, reject) => {
    const onBound = (error, port) => (error === null ? resolve(port) : reject(error));
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), onBound);
  });
}

function client(target) {
  const Client = grpc.makeGenericClientConstructor({ ...definition, ...absent }, "Peer");
  const credentials = grpc.credentials.createInsecure();
  const plain = new Client(target, credentials, options);
  // A channel's option there, and not a call's.
  const compressing = new Client(target, credentials, { ...options, "grpc.default_compression_algorithm": gzip });
  return (spec) =>
    new Promise((resolve) => {
      const outcome = { replies: [], initial: [], trailing: [] };
      const requests = spec.requests.map(filled);
      const { requestStream, responseStream } = Object.values({ ...definition, ...absent }).find(({ path }) =>
        path.endsWith(`/${spec.method}`),
      );
      const peer = spec.compress ? compressing : plain;
      const name = spec.method[0].toLowerCase() + spec.method.slice(1);
      const onReply = (reply) => {
        if (spec.method === "Seen") outcome.seen = reply;
        else if (outcome.replies.push(digested(reply)) === spec.cancelAfterReplies) call.cancel();
        if (spec.pingPong) sendNext();
      };
      const args = [
        ...(requestStream ? [] : [requests[0]]),
        toMetadata(spec.metadata),
        spec.timeoutMs === 0 ? {} : { deadline: Date.now() + spec.timeoutMs },
        ...(responseStream ? [] : [(_, reply) => reply !== undefined && onReply(reply)]),
      ];
      const call = peer[name](...args);
      const sendNext = () => {
        const next = requests.shift();
        if (next === undefined) call.end();
        else call.write(next);
      };
      call.on("metadata", (metadata) => {
        outcome.initial = toEntries(metadata);
      });
      call.on("error", () => {});
      if (responseStream) call.on("data", onReply);
      call.on("status", ({ code, details, metadata }) => {
        outcome.trailing = toEntries(metadata);
        const [rich] = metadata.get(detailsKey);
        if (rich !== undefined) outcome.details = fromBinary(RichStatusSchema, rich).details;
        // The one message may come after the status.
        setImmediate(() => resolve(Object.assign(outcome, code === 0 ? {} : { code, message: details })));
      });
      if (requestStream) {
        if (spec.pingPong) sendNext();
        else while (requests.length > 0) sendNext();
        if (!spec.pingPong) call.end();
      }
      if (spec.cancelAfterMs !== 0) setTimeout(() => call.cancel(), spec.cancelAfterMs);
    });
}

await runProgram({ serve, client });
