/** Raw TCP in Node, a connection a stream: the limit for anything that crosses no third process. */
import { once } from "node:events";
import { dial, listen, socketStream } from "./socket-stream.mjs";

/** @type {import("../types.d.ts").TunnelSubject} */
export default {
  startServer: (_ports, serve) => listen((socket) => void serve(socketStream(socket))),
  connect: async ({ server, middle }) => ({
    async open() {
      const socket = dial(/** @type {number} */ (middle ?? server));
      await once(socket, "connect");
      return socketStream(socket);
    },
    close: async () => {},
  }),
};
