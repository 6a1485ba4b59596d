/** The client under test: one GET, its answer on stdout, then a graceful end. Usage: `node client.mjs URL`. */
import { connectSocket, HttpConnection } from "@trunkline/h2/node";

const url = new URL(process.argv[2]);
const tls = url.protocol === "https:" ? { rejectUnauthorized: false } : undefined;
const socket = await connectSocket({ host: url.hostname, port: Number(url.port) }, { tls });
const connection = HttpConnection.connect(socket);
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
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
await connection.close();
