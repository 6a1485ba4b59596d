// TLS with certificates at both ends: the server knows who calls.
import { readFileSync } from "node:fs";
import { Channel, createClient, GrpcError, Server } from "@trunkline/grpc";
import { Greeter } from "../gen/greeter_pb.js";

/** Certificates made for tests; a real program has its own. */
const file = (name) => readFileSync(new URL(`../../packages/h2/test/fixtures/tls/${name}.pem`, import.meta.url));

const server = new Server().add(Greeter, {
  sayHello: ({ name }, call) => ({
    text: `hello ${name}, whose certificate says ${call.peer.tls?.certificate?.subject}`,
  }),
});
const address = await server.listen("127.0.0.1:0", {
  tls: {
    cert: file("server"),
    key: file("server-key"),
    ca: file("authority"),
    requestCert: true,
    rejectUnauthorized: true,
  },
});
const port = address.slice(address.lastIndexOf(":") + 1);

/** @param {object} certificate */
async function greet(certificate) {
  const channel = new Channel(`localhost:${port}`, { tls: { ca: file("authority"), ...certificate } });
  try {
    console.log((await createClient(Greeter, channel).sayHello({ name: "you" })).text);
  } catch (error) {
    console.log(error instanceof GrpcError && error.code);
  } finally {
    await channel.close();
  }
}

await greet({ cert: file("client"), key: file("client-key") });
await greet({});
await server.close();

// Prints:
// hello you, whose certificate says CN=client
// UNAVAILABLE
