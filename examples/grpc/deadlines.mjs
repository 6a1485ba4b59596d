// A deadline ends a call at its time, at both ends, and goes along to the calls that a handler makes.
import { Channel, createClient, Deadline, GrpcError, Server } from "@trunkline/grpc";
import { Greeter } from "../gen/greeter_pb.js";

const back = new Server().add(Greeter, {
  // This handler never answers; its signal aborts when the caller no longer waits.
  sayHello: (_request, call) =>
    new Promise((_resolve, reject) => {
      call.signal.addEventListener("abort", () => {
        // The reason is DEADLINE_EXCEEDED by its own clock or CANCELLED by the caller: both happen at that time.
        console.log("back: stopped");
        reject(call.signal.reason);
      });
    }),
});
const backChannel = new Channel(await back.listen("127.0.0.1:0"));

const front = new Server().add(Greeter, {
  // `parent`: the shorter of both deadlines, and cancelled together.
  sayHello: (request, call) =>
    createClient(Greeter, backChannel).sayHello(request, { parent: call, deadline: Deadline.after(60_000) }),
});
const channel = new Channel(await front.listen("127.0.0.1:0"));

// The deadline is for the call, not for making connections.
await Promise.all([channel.connect(), backChannel.connect()]);
try {
  await createClient(Greeter, channel).sayHello({ name: "you" }, { deadline: Deadline.after(1_000) });
} catch (error) {
  console.log("client:", error instanceof GrpcError && error.code);
} finally {
  await channel.close();
  await front.close();
  await backChannel.close();
  await back.close();
}

// Prints, in any order:
// back: stopped
// client: DEADLINE_EXCEEDED
