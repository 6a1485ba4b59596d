/**
 * A relay of TCP connections that can make the ways it carries die or pause; ways opened afterwards are sound again.
 */
import { connect, createServer } from "node:net";

/**
 * Ways of a connection to be lost: `up` is from the client to the router.
 * @typedef {"swallow-up" | "swallow-down" | "swallow-both" | "reset"} Loss
 */

export class Relay {
  /** The port of 127.0.0.1 that it listens on. */
  port = 0;
  #server;
  /**
   * @type {Set<{ near: import("node:net").Socket, far: import("node:net").Socket, dropped: { up: boolean, down: boolean
   * } }>}
   */
  #ways = new Set();
  /** True while new ways are dropped, too. */
  #gone = false;

  /** @param {number} target the port of 127.0.0.1 that it connects to @returns {Promise<Relay>} */
  static async to(target) {
    const relay = new Relay(target);
    await new Promise((resolve) => relay.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
    relay.port = relay.#server.address().port;
    return relay;
  }

  /** @param {number} target */
  constructor(target) {
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
      const way = { near, far, dropped: { up: this.#gone, down: this.#gone } };
      this.#ways.add(way);
      this.#carry(near, far, () => way.dropped.up);
      this.#carry(far, near, () => way.dropped.down);
      near.on("close", () => this.#ways.delete(way));
    });
  }

  #carry(from, to, dropped) {
    from.setNoDelay(true);
    from.on("data", (chunk) => {
      if (dropped() || to.destroyed) return;
      if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("end", () => !dropped() && to.end());
    from.on("error", () => {
      if (!dropped()) to.resetAndDestroy();
    });
    from.on("close", () => {
      if (!dropped() && !to.destroyed) to.destroySoon();
    });
  }

  /** Loses the ways that there are. @param {Loss} loss */
  lose(loss) {
    for (const { near, far, dropped } of this.#ways) {
      if (loss === "reset") {
        near.resetAndDestroy();
        far.resetAndDestroy();
        continue;
      }
      if (loss !== "swallow-down") dropped.up = true;
      if (loss !== "swallow-up") dropped.down = true;
    }
  }

  /** Loses the ways that there are and those to come, in both directions. */
  vanish() {
    this.#gone = true;
    this.lose("swallow-both");
  }

  /** Holds back everything on the ways that there are, and lets it go on after a time. @param {number} durationMs */
  stall(durationMs) {
    const sockets = [...this.#ways].flatMap(({ near, far }) => [near, far]);
    for (const socket of sockets) socket.pause();
    setTimeout(() => {
      for (const socket of sockets) socket.resume();
    }, durationMs);
  }

  close() {
    this.#server.close();
    for (const { near, far } of this.#ways) {
      near.destroy();
      far.destroy();
    }
  }
}
