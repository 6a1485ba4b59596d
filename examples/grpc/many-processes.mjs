// One address served by several processes: the system hands each connection to one of them.
import cluster from "node:cluster";
import { once } from "node:events";
import { Channel, createClient, Server } from "@trunkline/grpc";
import { Greeter } from "../gen/greeter_pb.js";

if (cluster.isPrimary) await callThem();
else await serve();

async function serve() {
  const server = new Server().add(Greeter, {
    sayHello: ({ name }) => ({ text: `hello ${name}, from process ${process.pid}` }),
  });
  process.send({ address: await server.listen("127.0.0.1:0") });
  process.once("message", async () => {
    await server.close(); // lets the calls under way end
    process.disconnect();
  });
}

async function callThem() {
  const workers = [cluster.fork(), cluster.fork()];
  const [[first], [second]] = await Promise.all(workers.map((worker) => once(worker, "message")));
  console.log("one address:", first.address === second.address);

  const answers = new Set();
  for (let connection = 0; connection < 4; connection++) {
    const channel = new Channel(first.address);
    answers.add((await createClient(Greeter, channel).sayHello({ name: "you" })).text);
    await channel.close();
  }
  console.log("processes that answered:", answers.size);

  const exits = workers.map((worker) => once(worker, "exit"));
  for (const worker of workers) worker.send("stop");
  await Promise.all(exits);
}

// Prints:
// one address: true
// processes that answered: 2
