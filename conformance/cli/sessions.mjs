/** Connections that live and talk: a WebSocket, and a terminal session under a pseudo-terminal. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { excerpt, runToEnd } from "../lib/child.mjs";

// Users of the router have it; it is no dependency of the workspace.
const { WebSocket, WebSocketServer } = createRequire(new URL("../../packages/router/package.json", import.meta.url))(
  "ws",
);

/**
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {{ keep: Function, expose(name: string, target: number): Promise<void>, connect(name: string): Promise<number>
 * }} lab
 */
export async function useWebSocket(cases, lab) {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) =>
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  lab.keep({
    async stop() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      server.close();
    },
  });
  await lab.expose("page", server.address().port);
  const url = `ws://127.0.0.1:${await lab.connect("page")}/`;
  await cases.run("WebSocket: 1,000 messages one after the other, 5 MB at once, and its close", async () => {
    const socket = new WebSocket(url);
    await once(socket, "open");
    for (let index = 0; index < 1_000; index += 1) {
      socket.send(`message ${index}`);
      const [answer] = await once(socket, "message");
      assert.equal(answer.toString(), `message ${index}`);
    }
    const content = randomBytes(5_000_000);
    socket.send(content);
    const [answer] = await once(socket, "message");
    assert.ok(answer.equals(content));
    socket.close(4_000, "done");
    const [code] = await once(socket, "close");
    assert.equal(code, 4_000);
  });
}

/**
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {{ ssh: string, options: readonly string[], target: string, env: NodeJS.ProcessEnv }} client
 */
export async function useTerminal(cases, { ssh, options, target, env }) {
  await cases.run("ssh: a session under a pseudo-terminal echoes what is typed, and knows its size", async () => {
    const script = "stty rows 33 columns 99; stty size; read -r word; echo heard $word; exit 5";
    const session = await runToEnd(ssh, ["-tt", ...options, target, script], {
      input: "hello\n",
      env,
      timeoutMs: 60_000,
    });
    assert.equal(session.code, 5, excerpt(session));
    const lines = session.stdout.toString().split("\r\n");
    assert.ok(lines.includes("33 99"), excerpt(session));
    assert.ok(lines.includes("hello") && lines.includes("heard hello"), excerpt(session));
  });
}
