/** trunkline as a peer, in both roles. */
import { createServer } from "node:net";
import { Channel, createClient, Deadline, GrpcError, Server } from "@trunkline/grpc";
import { connectSocket } from "@trunkline/h2/node";
import { Metadata } from "@trunkline/metadata";
import { Absent, Peer } from "../gen/peer_pb.js";
import { cancelledUnder, countCancelled, digested, filled, isReported, replyTo, runProgram } from "./program.mjs";

const largestMessageBytes = 64 * 2 ** 20;

function toMetadata(entries) {
  const metadata = new Metadata();
  for (const { key, value } of entries)
    metadata.append(key, key.endsWith("-bin") ? value : Buffer.from(value).toString("latin1"));
  return metadata;
}

function toEntries(metadata) {
  if (metadata === undefined) return [];
  const reported = [...metadata].filter(([key]) => isReported(key));
  return reported.map(([key, value]) => ({
    key,
    value: typeof value === "string" ? Buffer.from(value, "latin1") : value,
  }));
}

const packed = ({ typeUrl, value }) => ({ $typeName: "google.protobuf.Any", typeUrl, value });

/** The bytes that have crossed the sockets of this process. */
class Traffic {
  #sockets = [];
  add(socket) {
    this.#sockets.push(socket);
    return socket;
  }
  get totals() {
    const sum = (name) => this.#sockets.reduce((total, socket) => total + socket[name], 0);
    return { bytesRead: sum("bytesRead"), bytesWritten: sum("bytesWritten") };
  }
}

async function serve() {
  const traffic = new Traffic();
  const about = (call, count) => ({ count, metadata: toEntries(call.metadata), timeoutMs: call.deadline?.remainingMs });
  const hang = (call, name) =>
    new Promise((_, reject) => {
      const onAbort = () => {
        countCancelled(name);
        reject(call.signal.reason);
      };
      if (call.signal.aborted) onAbort();
      else call.signal.addEventListener("abort", onAbort);
    });
  const begin = async (call, first) => {
    for (const [key, value] of toMetadata(first.trailing)) call.trailingMetadata.append(key, value);
    if (first.initial.length > 0 || first.hang !== "") await call.sendInitialMetadata(toMetadata(first.initial));
  };
  const end = async (call, first) => {
    if (first.hang !== "") await hang(call, first.hang);
    if (first.code !== 0) throw new GrpcError(first.code, first.message, { details: first.details.map(packed) });
  };
  const server = new Server({ maxReceiveMessageBytes: largestMessageBytes, compression: "gzip" }).add(Peer, {
    async unary(request, call) {
      await begin(call, request);
      await end(call, request);
      return replyTo([request], about(call, 0));
    },
    async *serverStream(request, call) {
      await begin(call, request);
      for (let count = 0; count < request.replies; count++) yield replyTo([request], about(call, count));
      await end(call, request);
    },
    async clientStream(requests, call) {
      const all = [];
      for await (const request of requests) {
        if (all.push(request) === 1) await begin(call, request);
        if (request.hang !== "") await end(call, request);
      }
      if (all[0] !== undefined) await end(call, all[0]);
      return replyTo(all, about(call, all.length));
    },
    async *bidi(requests, call) {
      let first;
      let count = 0;
      for await (const request of requests) {
        if (first === undefined) await begin(call, request);
        first ??= request;
        yield replyTo([request], about(call, count++));
        if (request.hang !== "") break;
      }
      if (first !== undefined) await end(call, first);
    },
    seen: ({ text }) => ({ cancelled: cancelledUnder(text), ...traffic.totals }),
  });
  const listener = createServer({ noDelay: true }, (socket) => void server.serve(traffic.add(socket)));
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return listener.address().port;
}

function client(target) {
  const traffic = new Traffic();
  const [host, port] = target.split(":");
  const connect = async ({ signal }) => traffic.add(await connectSocket({ host, port: Number(port) }, { signal }));
  const channel = new Channel({ connect, authority: target }, { maxReceiveMessageBytes: largestMessageBytes });
  const peer = createClient(Peer, channel);
  const absent = createClient(Absent, channel);
  const methods = {
    Unary: peer.unary,
    ServerStream: peer.serverStream,
    ClientStream: peer.clientStream,
    Bidi: peer.bidi,
    Seen: peer.seen,
    Missing: absent.missing,
  };
  return async (spec) => {
    const before = traffic.totals;
    const call = methods[spec.method].open({
      metadata: toMetadata(spec.metadata),
      ...(spec.timeoutMs === 0 ? {} : { deadline: Deadline.after(spec.timeoutMs) }),
      ...(spec.compress ? { compression: "gzip" } : {}),
    });
    const replies = [];
    const outcome = { replies };
    let timer;
    if (spec.cancelAfterMs !== 0) timer = setTimeout(() => call.cancel(), spec.cancelAfterMs);
    const receive = async () => {
      const reply = await call.receive();
      if (reply === undefined) return false;
      if (spec.method === "Seen") outcome.seen = reply;
      else if (replies.push(digested(reply)) === spec.cancelAfterReplies) call.cancel();
      return true;
    };
    const send = async () => {
      for (const request of spec.requests) {
        await call.send(filled(request));
        if (spec.pingPong) await receive();
      }
      await call.sendEof();
    };
    try {
      const sending = send();
      sending.catch(() => {});
      while (!spec.pingPong && (await receive()));
      await sending;
      while (await receive());
      await call.receiveTrailingMetadata();
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      outcome.code = error.status;
      outcome.message = error.message;
      outcome.details = error.details.map(({ typeUrl, value }) => ({ typeUrl, value }));
    } finally {
      clearTimeout(timer);
    }
    outcome.initial = toEntries(call.initialMetadata);
    outcome.trailing = toEntries(call.trailingMetadata);
    outcome.bytesRead = traffic.totals.bytesRead - before.bytesRead;
    outcome.bytesWritten = traffic.totals.bytesWritten - before.bytesWritten;
    return outcome;
  };
}

await runProgram({ serve, client });
