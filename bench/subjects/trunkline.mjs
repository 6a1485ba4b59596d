/**
 * @trunkline/grpc with protobuf-es messages.
 */
import { Channel, createClient, Server } from "@trunkline/grpc";
import { BenchService } from "../gen/bench_pb.js";

/** @type {import("../types.d.ts").GrpcSubject} */
export default {
  async startServer() {
    const server = new Server().add(BenchService, {
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

  async connect(port) {
    const channel = new Channel(`127.0.0.1:${port}`);
    const client = createClient(BenchService, channel);
    return {
      echo: async (payload) => (await client.echo({ payload })).payload,
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
  },
};

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
