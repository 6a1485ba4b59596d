// A server that tells balancers whether it can take calls, and tools which services it has.
import { Channel, createClient, Server } from "@trunkline/grpc";
import { Health, HealthService } from "@trunkline/grpc/health";
import { addReflection, ServerReflection } from "@trunkline/grpc/reflection";
import { Greeter } from "../gen/greeter_pb.js";

const server = new Server().add(Greeter, { sayHello: ({ name }) => ({ text: `hello ${name}` }) });
const health = new Health().addTo(server);
health.set(Greeter.typeName, "SERVING");
addReflection(server); // now `grpcurl -plaintext HOST:PORT list` works

const channel = new Channel(await server.listen("127.0.0.1:0"));

const watch = createClient(HealthService, channel).watch.open();
await watch.send({ service: Greeter.typeName });
console.log("status", (await watch.receive())?.status);
health.set(Greeter.typeName, "NOT_SERVING");
console.log("status", (await watch.receive())?.status);

const questions = [{ messageRequest: { case: "listServices", value: "" } }];
for await (const { messageResponse } of createClient(ServerReflection, channel).serverReflectionInfo(questions))
  for (const { name } of messageResponse.value.service) console.log(name);

await server.close(); // ends the watch, too
await channel.close();

// Prints:
// status 1
// status 2
// example.v1.Greeter
// grpc.health.v1.Health
// grpc.reflection.v1.ServerReflection
// grpc.reflection.v1alpha.ServerReflection
