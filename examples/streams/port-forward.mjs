// Forwards a TCP port through two relays. Between them the bytes are compressed; the first relay reports its progress.
//
//   client ── port ──▶ near relay ══ gzip ══▶ far relay ──▶ service
import { compressed, forward, progress } from "@trunkline/streams";
import { connectTcp, gzip, listenTcp } from "@trunkline/streams/node";

const service = await listenTcp(); // answers with the number of bytes that it has received
const far = await listenTcp();
const near = await listenTcp();

async function serve() {
  for await (const stream of service) {
    let count = 0;
    for await (const chunk of stream) count += chunk.length;
    await stream.send(new TextEncoder().encode(`${count} bytes received`));
    await stream.close();
  }
}

/** Accepts connections and joins each to another stream: half-close, breaks and backpressure go through. */
async function relay(listener, connect, decorate) {
  for await (const accepted of listener) {
    const [stream, other] = decorate(accepted, await connect());
    forward(stream, other).catch((error) => console.error(`relay: ${error.message}`));
  }
}

const zipped = (stream) => compressed(stream, { send: gzip(), receive: gzip() });
const report = ({ finished, received, sent }) => {
  if (finished) console.log(`near: ${received.bytes} bytes from the client, ${sent.bytes} to it`);
};
void serve();
void relay(
  far,
  () => connectTcp(service.address),
  (accepted, target) => [zipped(accepted), target],
);
void relay(
  near,
  () => connectTcp(far.address),
  (accepted, target) => [progress(accepted, { onProgress: report }), zipped(target)],
);

const client = await connectTcp(near.address);
for (let index = 0; index < 100; index++)
  await client.send(new TextEncoder().encode("all work and no play\n".repeat(1_000)));
await client.sendEof(); // the half-close goes through both relays to the service
let answer = "";
for await (const chunk of client) answer += new TextDecoder().decode(chunk);
console.log(`client: ${answer}`);
await Promise.all([client.close(), near.close(), far.close(), service.close()]);

// Prints, in any order:
// near: 2100000 bytes from the client, 22 to it
// client: 2100000 bytes received
