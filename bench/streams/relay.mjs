/**
 * A process between two sockets: `relay.mjs pipe|forward <port>`. Tells its port, and after each connection the CPU
 * time that it took.
 */
import { connect, createServer } from "node:net";
import { pipeline } from "node:stream/promises";
import { forward } from "@trunkline/streams";
import { connectTcp, streamFromDuplex } from "@trunkline/streams/node";

const [, , way, port] = process.argv;
const target = { host: "127.0.0.1", port: Number(port) };

/** @type {Record<string, (socket: import("node:net").Socket) => Promise<unknown>>} */
const ways = {
  pipe(socket) {
    const far = connect({ ...target, allowHalfOpen: true });
    return Promise.all([pipeline(socket, far), pipeline(far, socket)]);
  },
  async forward(socket) {
    return forward(streamFromDuplex(socket), await connectTcp(target));
  },
};

const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, async (socket) => {
  const before = process.cpuUsage();
  await ways[String(way)]?.(socket);
  const { user, system } = process.cpuUsage(before);
  process.send?.({ cpuMs: (user + system) / 1_000 });
});
server.listen(0, "127.0.0.1", () =>
  process.send?.({ port: /** @type {import("node:net").AddressInfo} */ (server.address()).port }),
);
process.on("disconnect", () => process.exit());
