// Uploads a file over a WebSocket with a checksum at both ends. `inBand` gives the WebSocket what it lacks: a
// half-close, so that the server can answer after the end, and backpressure, so that a slow disk slows down the sender.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copy, counted } from "@trunkline/streams";
import { streamFromFile, streamToFile } from "@trunkline/streams/node";
import { streamFromWebSocket } from "@trunkline/streams/web";
import { WebSocket, WebSocketServer } from "ws";

const folder = await mkdtemp(join(tmpdir(), "upload-"));
await writeFile(join(folder, "sent"), Buffer.alloc(1_000_000, "0123456789"));

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
await once(server, "listening");
server.on("connection", async (socket) => {
  const upload = streamFromWebSocket(socket, { inBand: true });
  const hash = createHash("sha256");
  await copy(counted(upload, { received: hash }), await streamToFile(join(folder, "received")));
  await upload.send(hash.digest());
  await upload.close();
});

const stream = streamFromWebSocket(new WebSocket(`ws://127.0.0.1:${server.address().port}`), { inBand: true });
const { bytes } = await copy(await streamFromFile(join(folder, "sent")), stream);
const theirs = Buffer.from(await stream.receive());
await stream.close();
server.close();

const ours = createHash("sha256")
  .update(await readFile(join(folder, "received")))
  .digest();
console.log(`${bytes} bytes sent; the checksums ${ours.equals(theirs) ? "are the same" : "differ"}`);
await rm(folder, { recursive: true });

// Prints:
// 1000000 bytes sent; the checksums are the same
