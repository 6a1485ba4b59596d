/**
 * @connectrpc/connect-node with its gRPC transport and protobuf-es messages, on node:http2.
 */
import http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { BenchService } from "../gen/bench_pb.js";

/** @param {import("@connectrpc/connect").ConnectRouter} router */
function routes(router) {
  router.service(BenchService, {
    echo: (message) => message,
    async *pingPong(messages) {
      yield* messages;
    },
    async upload(messages) {
      let bytes = 0;
      for await (const message of messages) bytes += message.payload.length;
      return { bytes: BigInt(bytes) };
    },
  });
}

/** @type {import("../types.d.ts").GrpcSubject} */
export default {
  async startServer() {
    const server = http2.createServer(connectNodeAdapter({ routes }));
    await new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => resolve(undefined));
    });
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    return { port, close: async () => void server.close() };
  },

  async connect(port) {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const client = createClient(BenchService, createGrpcTransport({ baseUrl, sessionManager }));
    return {
      echo: async (payload) => (await client.echo({ payload })).payload,
      pingPong: async () => pingPong(client),
      async upload(payload, isOver) {
        let sent = 0;
        const received = await client.upload(
          (async function* () {
            while (!isOver()) {
              sent += 1;
              yield { payload };
            }
          })(),
        );
        return { sent, receivedBytes: Number(received.bytes) };
      },
      close: async () => sessionManager.abort(),
    };
  },
};

/** @param {import("@connectrpc/connect").Client<typeof BenchService>} client */
function pingPong(client) {
  /** @type {(payload: Uint8Array | undefined) => void} */
  let give = () => {};
  const next = () => new Promise((resolve) => (give = resolve));
  let waiting = next();
  async function* requests() {
    for (;;) {
      const payload = await waiting;
      waiting = next();
      if (payload === undefined) return;
      yield { payload };
    }
  }
  const answers = client.pingPong(requests())[Symbol.asyncIterator]();
  return {
    async roundTrip(payload) {
      give(payload);
      const answer = await answers.next();
      if (answer.done) throw new Error("the stream ended instead of answering");
      return answer.value.payload;
    },
    async end() {
      give(undefined);
      const answer = await answers.next();
      if (!answer.done) throw new Error("an answer came after the end");
    },
  };
}
