/**
 * The server under test: answers each request, once it is complete, with a few bytes. Prints its port as its first
 * line. Usage: `node server.mjs [--tls CERTIFICATE KEY]`.
 */
import { readFileSync } from "node:fs";
import { createSocketServer, HttpConnection } from "@trunkline/h2/node";

const [flag, certificate, key] = process.argv.slice(2);
const tls = flag === "--tls" ? { cert: readFileSync(certificate), key: readFileSync(key) } : undefined;
const body = Buffer.from("Hello from the other end.\n");

const server = createSocketServer({ tls }, (socket) => {
  HttpConnection.accept(socket, async (stream) => {
    await stream.body();
    stream.sendHeaders([
      { name: ":status", value: "200" },
      { name: "content-type", value: "text/plain" },
      { name: "content-length", value: String(body.length) },
    ]);
    await stream.send(body, true);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.once("SIGTERM", () => process.exit(0));
