/** @connectrpc/connect-node as both, speaking gRPC. */
import { createServer } from "node:http2";
import { Code, ConnectError, createClient, decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";
import { compressionGzip, connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { Absent, Peer } from "../gen/peer_pb.js";
import { cancelledUnder, countCancelled, digested, filled, isReported, replyTo, runProgram } from "./program.mjs";

const limits = { readMaxBytes: 64 * 2 ** 20, writeMaxBytes: 64 * 2 ** 20 };

function addTo(headers, entries) {
  for (const { key, value } of entries)
    headers.append(key, key.endsWith("-bin") ? encodeBinaryHeader(value) : Buffer.from(value).toString("latin1"));
  return headers;
}

/** Several values of a key come joined, as `Headers` has it. Those of bytes can be told apart. */
function toEntries(headers) {
  const reported = [...(headers ?? [])].filter(([key]) => isReported(key));
  return reported.flatMap(([key, value]) => {
    if (!key.endsWith("-bin")) return [{ key, value: Buffer.from(value, "latin1") }];
    return value.split(", ").map((part) => ({ key, value: decodeBinaryHeader(part) }));
  });
}

const typeUrlPrefix = "type.googleapis.com/";
const typeOf = (typeUrl) => typeUrl.slice(typeUrl.lastIndexOf("/") + 1);

function errorOf(first) {
  const error = new ConnectError(first.message, first.code, addTo(new Headers(), first.trailing));
  error.details.push(...first.details.map(({ typeUrl, value }) => ({ type: typeOf(typeUrl), value })));
  return error;
}

async function serve() {
  const about = (context, count) => ({
    count,
    metadata: toEntries(context.requestHeader),
    timeoutMs: context.timeoutMs(),
  });
  const begin = (context, first) => {
    addTo(context.responseHeader, first.initial);
    if (first.code === 0) addTo(context.responseTrailer, first.trailing);
  };
  const end = async ({ signal }, first) => {
    if (first.hang !== "") {
      await new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", resolve)));
      countCancelled(first.hang);
      signal.throwIfAborted();
    }
    if (first.code !== 0) throw errorOf(first);
  };
  const routes = (router) =>
    router.service(Peer, {
      async unary(request, context) {
        begin(context, request);
        await end(context, request);
        return replyTo([request], about(context, 0));
      },
      async *serverStream(request, context) {
        begin(context, request);
        for (let count = 0; count < request.replies; count++) yield replyTo([request], about(context, count));
        await end(context, request);
      },
      async clientStream(requests, context) {
        const all = [];
        for await (const request of requests) {
          if (all.push(request) === 1) begin(context, request);
          if (request.hang !== "") await end(context, request);
        }
        if (all[0] !== undefined) await end(context, all[0]);
        return replyTo(all, about(context, all.length));
      },
      async *bidi(requests, context) {
        let first;
        let count = 0;
        for await (const request of requests) {
          if (first === undefined) begin(context, request);
          first ??= request;
          yield replyTo([request], about(context, count++));
          if (request.hang !== "") break;
        }
        if (first !== undefined) await end(context, first);
      },
      seen: ({ text }) => ({ cancelled: cancelledUnder(text) }),
    });
  const server = createServer(connectNodeAdapter({ routes, ...limits, acceptCompression: [compressionGzip] }));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server.address().port;
}

function client(target) {
  const options = { baseUrl: `http://${target}`, ...limits, acceptCompression: [compressionGzip] };
  const transport = createGrpcTransport(options);
  const plain = createClient(Peer, transport);
  const absent = createClient(Absent, transport);
  // A transport's option there, and not a call's.
  const compressing = createClient(
    Peer,
    createGrpcTransport({ ...options, sendCompression: compressionGzip, compressMinBytes: 1 }),
  );
  return async (spec) => {
    const outcome = { replies: [], initial: [], trailing: [] };
    const controller = new AbortController();
    let replied = () => {};
    const callOptions = {
      headers: addTo(new Headers(), spec.metadata),
      signal: controller.signal,
      onHeader: (headers) => {
        outcome.initial = toEntries(headers);
      },
      onTrailer: (headers) => {
        outcome.trailing = toEntries(headers);
      },
      ...(spec.timeoutMs === 0 ? {} : { timeoutMs: spec.timeoutMs }),
    };
    const onReply = (reply) => {
      if (spec.method === "Seen") outcome.seen = reply;
      else if (outcome.replies.push(digested(reply)) === spec.cancelAfterReplies) controller.abort();
      replied();
    };
    async function* requests() {
      for (const request of spec.requests) {
        const reply = new Promise((resolve) => {
          replied = resolve;
        });
        yield filled(request);
        if (spec.pingPong) await reply;
      }
    }
    const peer = spec.method === "Missing" ? absent : spec.compress ? compressing : plain;
    if (spec.cancelAfterMs !== 0) setTimeout(() => controller.abort(), spec.cancelAfterMs);
    try {
      const name = spec.method[0].toLowerCase() + spec.method.slice(1);
      const { methodKind } = (spec.method === "Missing" ? Absent : Peer).method[name];
      const input = methodKind === "unary" || methodKind === "server_streaming" ? filled(spec.requests[0]) : requests();
      const result = peer[name](input, callOptions);
      if (methodKind === "unary" || methodKind === "client_streaming") onReply(await result);
      else for await (const reply of result) onReply(reply);
    } catch (error) {
      const { code, rawMessage, details, metadata } = ConnectError.from(error, Code.Internal);
      outcome.code = code;
      outcome.message = rawMessage;
      outcome.details = details.map(({ type, value }) => ({ typeUrl: typeUrlPrefix + type, value }));
      outcome.trailing = toEntries(metadata);
    }
    return outcome;
  };
}

await runProgram({ serve, client });
