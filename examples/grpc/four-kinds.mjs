// The four kinds of methods, in their short forms.
import { Channel, createClient, Server } from "@trunkline/grpc";
import { Greeter } from "../gen/greeter_pb.js";

const server = new Server().add(Greeter, {
  sayHello: ({ name }) => ({ text: `hello ${name}` }),

  async *listHellos({ name }) {
    for (const word of ["hello", "hallo", "ciao"]) yield { text: `${word} ${name}` };
  },

  async joinHellos(requests) {
    const names = [];
    for await (const { name } of requests) names.push(name);
    return { text: `hello ${names.join(" and ")}` };
  },

  async *chat(requests) {
    for await (const { name } of requests) yield { text: `hello ${name}` };
  },
});
const channel = new Channel(await server.listen("127.0.0.1:0"));
try {
  const greeter = createClient(Greeter, channel);
  console.log("unary:", (await greeter.sayHello({ name: "you" })).text);

  for await (const { text } of greeter.listHellos({ name: "you" })) console.log("server streaming:", text);

  console.log("client streaming:", (await greeter.joinHellos([{ name: "Ann" }, { name: "Bob" }])).text);

  async function* names() {
    yield { name: "Ann" };
    yield { name: "Bob" };
  }
  for await (const { text } of greeter.chat(names())) console.log("both ways:", text);
} finally {
  await channel.close();
  await server.close();
}

// Prints:
// unary: hello you
// server streaming: hello you
// server streaming: hallo you
// server streaming: ciao you
// client streaming: hello Ann and Bob
// both ways: hello Ann
// both ways: hello Bob
