/**
 * @trunkline/router: the router with its exchange in the middle, one listener as the server, one dialler as the client.
 * All streams of a side share one connection.
 */
import { Router, Trunkline } from "@trunkline/router";

/** The router's keys. All three processes know them, and only this machine can reach those. */
const keys = [{ secret: "the key of the benchmarks, which guards nothing" }];
const name = "bench";

export default throughRouter({});

/**
 * @param {{ resume?: boolean }} options of each stream
 * @returns {import("../types.d.ts").TunnelSubject}
 */
export function throughRouter(options) {
  return {
    async startMiddle() {
      const router = new Router({ keys });
      const address = await router.listen("127.0.0.1:0");
      return { port: Number(address.slice(address.lastIndexOf(":") + 1)), close: () => router.close() };
    },

    async startServer({ middle }, serve) {
      const trunkline = await connect(middle);
      const listener = await trunkline.listen(name, options);
      void (async () => {
        for await (const stream of listener) void serve(stream);
      })();
      return { port: 0, close: () => trunkline.close() };
    },

    async connect({ middle }) {
      const trunkline = await connect(middle);
      return { open: () => trunkline.dial(name, options), close: () => trunkline.close() };
    },
  };
}

/** @param {number | undefined} port of the router */
async function connect(port) {
  const token = await new Router({ keys }).mintToken({ identity: name, lifetimeMs: 600_000 });
  return new Trunkline({ endpoint: `127.0.0.1:${port}`, token });
}
