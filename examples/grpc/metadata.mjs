// Metadata in all three places of a call, read and written step by step at both ends.
import { Channel, createClient, Server } from "@trunkline/grpc";
import { Greeter } from "../gen/greeter_pb.js";

const server = new Server().add(Greeter, {
  chat: {
    async open(call) {
      console.log("server: tags", call.metadata.getAll("tag"), "trace", call.metadata.get("trace-bin"));
      await call.sendInitialMetadata({ "served-by": "example" });
      for await (const { name } of call) await call.send({ text: `hello ${name}` });
      await call.sendTrailingMetadata({ "greetings-sent": "1" });
    },
  },
});
const channel = new Channel(await server.listen("127.0.0.1:0"));
try {
  const metadata = { tag: ["blue", "green, with a comma"], "trace-bin": Uint8Array.of(1, 2, 3) };
  const call = createClient(Greeter, channel).chat.open({ metadata });

  // It may come before any message: nothing has been sent but the request's metadata.
  const initial = await call.receiveInitialMetadata();
  console.log("client: served by", initial.get("served-by"));

  await call.send({ name: "you" });
  console.log("client:", (await call.receive())?.text);
  await call.sendEof();
  const trailing = await call.receiveTrailingMetadata();
  console.log("client: greetings sent", trailing.get("greetings-sent"));
} finally {
  await channel.close();
  await server.close();
}

// Prints:
// server: tags [ 'blue', 'green, with a comma' ] trace Uint8Array(3) [ 1, 2, 3 ]
// client: served by example
// client: hello you
// client: greetings sent 1
