/** Connections without TLS: to a server that answers, to one that does not, and to one that speaks another protocol. */
import net, { type AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { connectSocket } from "../../src/node/index.js";
import { listen } from "../support/sockets.js";
import { cleanup, endOf, failureOf, trusting } from "../support/tls.js";

afterEach(() => cleanup.run());

describe("a plaintext client", () => {
  it("names a server that answers in TLS or HTTP/1", async () => {
    const answers = [
      [Buffer.from("15030300020228", "hex"), "the peer does not speak HTTP/2 but TLS"],
      [
        Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
        'the peer does not speak HTTP/2 but HTTP/1.1: it sent "HTTP/1.1 400 Bad Request"',
      ],
    ] as const;
    for (const [answer, text] of answers) {
      const server = net.createServer((socket) => {
        socket.on("error", () => {});
        // An alert of TLS is shorter than a frame's header.
        socket.end(Buffer.concat([answer, Buffer.alloc(2)]));
      });
      expect(await endOf(await connectSocket(await listen(server, "tcp", cleanup)))).toContain(text);
    }
  });

  it("says which target refused, and why", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    for (const options of [{}, { tls: trusting }]) {
      expect(await failureOf(connectSocket({ host: "127.0.0.1", port }, options))).toMatchObject({
        code: "CONNECTION_REFUSED",
        message: `cannot connect to 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
      });
    }
    // Of a name with several addresses, each attempt is told.
    expect(await failureOf(connectSocket({ host: "localhost", port }))).toMatchObject({
      code: "CONNECTION_REFUSED",
      message: expect.stringMatching(/^cannot connect to localhost:\d+: connect ECONNREFUSED /),
    });
    expect(await failureOf(connectSocket({ path: "/nowhere/socket" }))).toMatchObject({
      code: "CONNECTION_FAILED",
      message: "cannot connect to unix:/nowhere/socket: connect ENOENT /nowhere/socket",
    });
    await expect(connectSocket({ host: "127.0.0.1", port: 70_000 })).rejects.toThrow(RangeError);
  });

  it("keeps to its signal, before and while it connects", async () => {
    const silent = net.createServer((socket) => socket.on("error", () => {}));
    const target = await listen(silent, "tcp", cleanup);
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const connecting = connectSocket(target, { tls: trusting, signal: controller.signal });
    controller.abort(reason);
    await expect(connecting).rejects.toBe(reason);
    await expect(connectSocket(target, { signal: controller.signal })).rejects.toBe(reason);
  });
});
