// A server and a client in one program.
import { Channel, createClient, Server } from "@trunkline/grpc";
import { Greeter } from "../gen/greeter_pb.js";

const server = new Server().add(Greeter, {
  sayHello: (request) => ({ text: `hello ${request.name}` }),
});
const address = await server.listen("127.0.0.1:0");

const channel = new Channel(address);
try {
  const greeter = createClient(Greeter, channel);
  const reply = await greeter.sayHello({ name: "you" });
  console.log(reply.text);
} finally {
  await channel.close();
  await server.close();
}

// Prints:
// hello you
