/** @trunkline/grpc with messages that are bytes: what the runtime does without a message code. */
import { bytesCodec, Channel, createClient, Server } from "@trunkline/grpc";

const message = { request: bytesCodec, response: bytesCodec };
const service = /** @type {const} */ ({
  typeName: "trunkline.bench.v1.Bytes",
  methods: {
    echo: { path: "/trunkline.bench.v1.Bytes/Echo", kind: "unary", ...message },
    upload: { path: "/trunkline.bench.v1.Bytes/Upload", kind: "client_streaming", ...message },
  },
});

/** @type {import("../types.d.ts").GrpcSubject} */
export default {
  async startServer() {
    const server = new Server().add(service, {
      echo: async (payload) => payload,
      async upload(payloads) {
        let bytes = 0;
        for await (const payload of payloads) bytes += payload.length;
        const answer = new Uint8Array(8);
        new DataView(answer.buffer).setFloat64(0, bytes);
        return answer;
      },
    });
    const address = await server.listen("127.0.0.1:0");
    return { port: Number(address.slice(address.lastIndexOf(":") + 1)), close: () => server.close() };
  },

  async connect(port) {
    const channel = new Channel(`127.0.0.1:${port}`);
    const client = createClient(service, channel);
    return {
      echo: (payload) => client.echo(payload),
      pingPong: async () => {
        throw new Error("takes no part in this");
      },
      async upload(payload, isOver) {
        let sent = 0;
        const answer = await client.upload(
          (function* () {
            while (!isOver()) {
              sent += 1;
              yield payload;
            }
          })(),
        );
        return { sent, receivedBytes: new DataView(answer.buffer, answer.byteOffset).getFloat64(0) };
      },
      close: () => channel.close(),
    };
  },
};
