/**
 * A plain TCP relay in Node, in a process of its own: the limit for a router. It only pipes, both ways, half-close
 * included.
 */
import { dial, listen } from "./socket-stream.mjs";
import tcp from "./tcp.mjs";

/** @type {import("../types.d.ts").TunnelSubject} */
export default {
  ...tcp,
  startMiddle: ({ server }) =>
    listen((near) => {
      const far = dial(/** @type {number} */ (server));
      near.pipe(far).pipe(near);
      near.on("error", () => far.destroy());
      far.on("error", () => near.destroy());
    }),
};
