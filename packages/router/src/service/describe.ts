/** Reflection of a router's services, which Jumpstarter's router has, too. */
import type { Server } from "@trunkline/grpc";

/** Adds reflection to the server of a router. It is loaded here: clients of a router need none of it. */
export async function describeServices(server: Server): Promise<void> {
  const [{ addReflection }, { file_jumpstarter_v1_router }] = await Promise.all([
    import("@trunkline/grpc/reflection"),
    import("../gen/jumpstarter/v1/router_pb.js"),
  ]);
  addReflection(server, { files: [file_jumpstarter_v1_router] });
}
