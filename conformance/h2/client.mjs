/**
 * The client under test: one GET, its answer on stdout, then a graceful end. Usage: `node client.mjs URL`. A case goes
 * on behind the answer's last frame, often with a PING, and h2specd sends GOAWAY when it has its verdict: a client that
 * closed before would fail a case by its haste. Some cases wait for the client to close, so it waits for a second only.
 */
import { setTimeout as after } from "node:timers/promises";
import { connectSocket, HttpConnection } from "@trunkline/h2/node";

const url = new URL(process.argv[2]);
const tls = url.protocol === "https:" ? { rejectUnauthorized: false } : undefined;
const socket = await connectSocket({ host: url.hostname, port: Number(url.port) }, { tls });
const connection = HttpConnection.connect(socket);
const goAway = new Promise((resolve) => {
  connection.onGoAway = resolve;
});
try {
  const stream = await connection.request(
    [
      { name: ":method", value: "GET" },
      { name: ":scheme", value: url.protocol.slice(0, -1) },
      { name: ":authority", value: url.host },
      { name: ":path", value: url.pathname },
    ],
    true,
  );
  process.stdout.write(await stream.body());
  stream.release();
  await Promise.race([goAway, connection.driver.done, after(1_000, undefined, { ref: false })]);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
await connection.close();
