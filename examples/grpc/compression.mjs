// Messages compressed both ways, a call whose messages are not, and an encoding that is not built in.
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import { Channel, createClient, Server } from "@trunkline/grpc";
import { Greeter } from "../gen/greeter_pb.js";

/** The number of messages that were compressed with brotli. */
let compressed = 0;
const brotli = {
  name: "br",
  compress(message) {
    compressed += 1;
    return brotliCompressSync(message);
  },
  decompress: (message, maxBytes) => brotliDecompressSync(message, { maxOutputLength: maxBytes }),
};

const server = new Server({ compression: brotli }).add(Greeter, {
  sayHello: ({ name }) => ({ text: `hello ${name}` }),
});
const address = await server.listen("127.0.0.1:0");
// It sends gzip, which every gRPC runtime knows, and understands brotli too.
const channel = new Channel(address, { compression: "gzip", acceptCompressions: [brotli] });
try {
  const greeter = createClient(Greeter, channel);
  const name = "you and ".repeat(1_000);
  const { text } = await greeter.sayHello({ name });
  console.log(text.length, "characters came back, compressed by the server:", compressed === 1);

  await greeter.sayHello({ name }, { compression: "identity" });
  console.log("its answer is compressed all the same:", compressed === 2);

  // Understands what is built in: the server sends its answer as it is.
  const plain = new Channel(address);
  await createClient(Greeter, plain).sayHello({ name });
  console.log("to a client that does not know brotli it is not:", compressed === 2);
  await plain.close();
} finally {
  await channel.close();
  await server.close();
}

// Prints:
// 8006 characters came back, compressed by the server: true
// its answer is compressed all the same: true
// to a client that does not know brotli it is not: true
