// A slow server costs no time where another one can answer: the call is sent again after a short delay (gRFC A6).
import { Channel, createClient, Server } from "@trunkline/grpc";
import { Greeter } from "../gen/greeter_pb.js";

let wake;
const asleep = new Promise((resolve) => {
  wake = resolve;
});
const server = new Server().add(Greeter, {
  async sayHello({ name }, call) {
    console.log(`attempt ${call.previousAttempts + 1}`);
    if (call.previousAttempts === 0) await asleep;
    return { text: `hello ${name}` };
  },
});

const serviceConfig = {
  methodConfig: [
    {
      name: [{ service: Greeter.typeName, method: "SayHello" }],
      hedgingPolicy: { maxAttempts: 2, hedgingDelay: "0.05s", nonFatalStatusCodes: ["UNAVAILABLE"] },
    },
  ],
};
const channel = new Channel(await server.listen("127.0.0.1:0"), { serviceConfig });
console.log((await createClient(Greeter, channel).sayHello({ name: "you" })).text);

wake();
await channel.close();
await server.close();

// Prints:
// attempt 1
// attempt 2
// hello you
