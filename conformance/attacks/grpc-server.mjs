/** A victim: a gRPC server with its default limits. Prints its port as its first line. */
import { once } from "node:events";
import { Server } from "@trunkline/grpc";
import { victimService } from "./service.mjs";

const server = new Server();
server.add(victimService, {
  echo: (request) => request,
  // Memory of its own for each answer, as real ones have.
  large: () => new Uint8Array(65_536).fill(1),
  parse: () => new Uint8Array(0),
  held: {
    async open(call) {
      if (!call.signal.aborted) await once(call.signal, "abort");
    },
  },
  endless: {
    async open(call) {
      const message = new Uint8Array(16_384);
      for (;;) await call.send(message);
    },
  },
});
const address = await server.listen("127.0.0.1:0");
console.log(address.split(":").at(-1));
