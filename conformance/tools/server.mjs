/**
 * The server that the tools are used on: the greeter of the examples, with health and reflection. Prints its ports, for
 * plaintext and for TLS. A name that begins with "fail" fails the call; SIGUSR1 says NOT_SERVING of the greeter.
 */
import { readFileSync } from "node:fs";
import { GrpcError, Server, Status } from "@trunkline/grpc";
import { ErrorInfoSchema, file_google_rpc_error_details } from "@trunkline/grpc/details";
import { Health } from "@trunkline/grpc/health";
import { addReflection } from "@trunkline/grpc/reflection";
import { Greeter } from "../../examples/gen/greeter_pb.js";

const [certificate, key] = process.argv.slice(2);

const greet = (name) => {
  if (!name.startsWith("fail")) return { text: `hello ${name}` };
  throw new GrpcError(Status.FAILED_PRECONDITION, `no greeting for ${name}`, {
    metadata: { "reason-bin": new Uint8Array([0, 255, 10]) },
    details: [[ErrorInfoSchema, { reason: "TEST", domain: "example.org", metadata: { name } }]],
  });
};
const server = new Server().add(Greeter, {
  async sayHello({ name }, call) {
    await call.sendInitialMetadata({ "seen-user": call.metadata.get("user") ?? "none" });
    const bytes = call.metadata.get("trace-bin");
    if (bytes !== undefined) call.trailingMetadata.set("trace-bin", bytes);
    return greet(name);
  },
  async *listHellos({ name }) {
    for (const number of [1, 2, 3]) yield greet(`${name} ${number}`);
  },
  async joinHellos(requests) {
    const names = [];
    for await (const { name } of requests) names.push(name);
    return greet(names.join(" and "));
  },
  async *chat(requests) {
    for await (const { name } of requests) yield greet(name);
  },
});
const health = new Health().addTo(server);
health.set(Greeter.typeName, "SERVING");
addReflection(server, { files: [file_google_rpc_error_details] });
process.on("SIGUSR1", () => health.set(Greeter.typeName, "NOT_SERVING"));

const plaintext = await server.listen("127.0.0.1:0");
const tls = await server.listen("localhost:0", {
  tls: { cert: readFileSync(certificate), key: readFileSync(key) },
});
console.log(JSON.stringify({ plaintext, tls }));
