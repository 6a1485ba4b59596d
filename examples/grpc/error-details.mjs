// An error with what is known beyond its status, typed at both ends (google.rpc).
import { create } from "@bufbuild/protobuf";
import { Channel, createClient, GrpcError, Server, Status } from "@trunkline/grpc";
import { BadRequestSchema, ErrorInfoSchema } from "@trunkline/grpc/details";
import { Greeter } from "../gen/greeter_pb.js";

const server = new Server().add(Greeter, {
  sayHello({ name }) {
    if (name !== "") return { text: `hello ${name}` };
    throw new GrpcError(Status.INVALID_ARGUMENT, "the request is not complete", {
      details: [create(BadRequestSchema, { fieldViolations: [{ field: "name", description: "must not be empty" }] })],
    });
  },
});
const channel = new Channel(await server.listen("127.0.0.1:0"));
try {
  await createClient(Greeter, channel).sayHello({ name: "" });
} catch (error) {
  if (!(error instanceof GrpcError)) throw error;
  console.log(error.code, error.message);
  for (const { field, description } of error.detail(BadRequestSchema)?.fieldViolations ?? [])
    console.log(`${field} ${description}`);
  console.log("more:", error.detail(ErrorInfoSchema)?.reason ?? "nothing");
} finally {
  await channel.close();
  await server.close();
}

// Prints:
// INVALID_ARGUMENT the request is not complete
// name must not be empty
// more: nothing
