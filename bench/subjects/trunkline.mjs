/**
 * @trunkline/grpc with protobuf-es messages.
 */
import { Channel, createClient, Deadline, Server } from "@trunkline/grpc";
import { BenchService } from "../gen/bench_pb.js";

/** @type {import("../types.d.ts").GrpcSubject} */
export default {
  async startServer() {
    // Ten times the default, and more: a scenario keeps 10,000 streams open, with calls beside them.
    const server = new Server({ maxConcurrentStreams: 10_200 }).add(BenchService, {
      echo: async (message) => message,
      async *pingPong(messages) {
        yield* messages;
      },
      async upload(messages) {
        let bytes = 0;
        for await (const message of messages) bytes += message.payload.length;
        return { bytes: BigInt(bytes) };
      },
    });
    const address = await server.listen("127.0.0.1:0");
    return { port: Number(address.slice(address.lastIndexOf(":") + 1)), close: () => server.close() };
  },

  connect: async (port) => connect(port, {}, (client, payload) => client.echo({ payload })),

  connectDressed: async (port) =>
    connect(port, { interceptors: [countCalls] }, (client, payload) =>
      client.echo({ payload }, { deadline: Deadline.after(10_000), metadata: dress() }),
    ),
};

const ended = { calls: 0 };
const hooks = {
  onEnd() {
    ended.calls += 1;
  },
};
const countCalls = () => hooks;
let requests = 0;

/** Four values that stay and one of its own, as calls with a token, a trace and a tenant have them. */
function dress() {
  requests += 1;
  return {
    authorization: "Bearer 0123456789abcdef0123456789abcdef0123456789abcdef",
    "x-tenant": "bench",
    "x-client-version": "1.2.3",
    "x-region": "somewhere",
    "x-request-id": String(requests),
  };
}

/**
 * @param {number} port
 * @param {import("@trunkline/grpc").ChannelOptions} options
 * @param {(client: import("@trunkline/grpc").Client<typeof BenchService>, payload: Uint8Array) => Promise<{ payload:
 * Uint8Array }>} echo
 */
function connect(port, options, echo) {
  const channel = new Channel(`127.0.0.1:${port}`, options);
  const client = createClient(BenchService, channel);
  return {
    echo: async (payload) => (await echo(client, payload)).payload,
    pingPong: async () => pingPong(client.pingPong.open()),
    async upload(payload, isOver) {
      let sent = 0;
      const received = await client.upload(
        (function* () {
          while (!isOver()) {
            sent += 1;
            yield { payload };
          }
        })(),
      );
      return { sent, receivedBytes: Number(received.bytes) };
    },
    close: () => channel.close(),
  };
}

/** @param {ReturnType<import("@trunkline/grpc").Client<typeof BenchService>["pingPong"]["open"]>} call */
function pingPong(call) {
  return {
    async roundTrip(payload) {
      await call.send({ payload });
      const answer = await call.receive();
      if (answer === undefined) throw new Error("the stream ended instead of answering");
      return answer.payload;
    },
    async end() {
      await call.sendEof();
      if ((await call.receive()) !== undefined) throw new Error("an answer came after the end");
    },
  };
}
