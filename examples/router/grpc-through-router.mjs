// A gRPC service behind NAT, called through a router. The service dials out and serves on the streams that it accepts;
// the caller gives its channel a stream through the router in place of a connection.
import { Channel, createClient, Server } from "@trunkline/grpc";
import { newRouterKey, Router, Trunkline } from "@trunkline/router";
import { Greeter } from "../gen/greeter_pb.js";

const router = new Router({ keys: [{ secret: newRouterKey() }] });
const endpoint = await router.listen("127.0.0.1:0");
const token = await router.mintToken({ identity: "lab-3", lifetimeMs: 60_000 });

// Behind NAT.
const device = new Trunkline({ endpoint, token });
const server = new Server().add(Greeter, { sayHello: ({ name }) => ({ text: `hello ${name}, from behind NAT` }) });
const listener = await device.listen("greeter");
const serving = (async () => {
  for await (const stream of listener) server.serve(stream);
})();

// Anywhere else. `connect` is called again when the stream through the router breaks.
const user = new Trunkline({ endpoint, token });
const channel = new Channel({ connect: () => user.dial("greeter") });
try {
  console.log((await createClient(Greeter, channel).sayHello({ name: "you" })).text);
} finally {
  await channel.close();
  await user.close();
  await listener.close();
  await serving;
  await server.close();
  await device.close();
  await router.close();
}

// Prints:
// hello you, from behind NAT
