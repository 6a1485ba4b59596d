/** The receiving process of the framing benchmark. */
import { createServer } from "node:net";
import { lengthPrefixed } from "@trunkline/streams";
import { streamFromDuplex } from "@trunkline/streams/node";

const way = process.argv[2];
const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  void (way === "byHand" ? receiveByHand(socket) : receiveFramed(socket));
});
server.listen(0, "127.0.0.1", () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  process.send?.({ port });
});

let bytes = 0;

/** @param {import("node:net").Socket} socket */
function receiveByHand(socket) {
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let offset = 0;
    while (rest.length - offset >= 4) {
      const length = rest.readUInt32BE(offset);
      if (rest.length - offset < 4 + length) break;
      bytes += rest.subarray(offset + 4, offset + 4 + length).length;
      offset += 4 + length;
    }
    rest = rest.subarray(offset);
  });
  socket.on("end", () => socket.end());
}

/** @param {import("node:net").Socket} socket */
async function receiveFramed(socket) {
  const stream = lengthPrefixed(streamFromDuplex(socket));
  for await (const message of stream) bytes += message.length;
  await stream.sendEof();
}

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000, bytes });
});
