// gRPC over the standard input and output of a child process: this file runs itself a second time, as the server.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Channel, createClient, Server } from "@trunkline/grpc";
import { stdio, streamFromChildProcess } from "@trunkline/streams/node";
import { Greeter } from "../gen/greeter_pb.js";

if (process.argv[2] === "server") {
  const server = new Server().add(Greeter, {
    sayHello: ({ name }) => ({ text: `hello ${name}, from a child process` }),
  });
  // Its standard output is the connection: nothing else may be printed there.
  await server.serve(stdio());
} else {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "server"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const channel = new Channel({ transport: streamFromChildProcess(child) });
  console.log((await createClient(Greeter, channel).sayHello({ name: "you" })).text);
  await channel.close(); // ends the child's standard input, and so its server
}

// Prints:
// hello you, from a child process
