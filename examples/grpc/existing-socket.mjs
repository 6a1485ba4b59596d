// gRPC on a connection that is already there, and turned round: who accepted it calls, who dialled answers. So a device
// behind NAT, which can only dial out, serves.

import { once } from "node:events";
import net from "node:net";
import { Channel, createClient, Server } from "@trunkline/grpc";
import { Greeter } from "../gen/greeter_pb.js";

const meetingPoint = net.createServer();
meetingPoint.listen(0, "127.0.0.1");
await once(meetingPoint, "listening");

// The device dials, and serves on what it has dialled.
const device = new Server().add(Greeter, { sayHello: ({ name }) => ({ text: `hello ${name}, from behind NAT` }) });
const dialled = net.connect(meetingPoint.address().port, "127.0.0.1");
device.serve(dialled);

// The other side accepts, and calls on what it has accepted.
const [accepted] = await once(meetingPoint, "connection");
const channel = new Channel({ transport: accepted });
try {
  console.log((await createClient(Greeter, channel).sayHello({ name: "you" })).text);
} finally {
  await channel.close();
  await device.close();
  meetingPoint.close();
}

// Prints:
// hello you, from behind NAT
