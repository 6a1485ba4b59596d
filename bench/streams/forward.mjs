/** Socket to socket through another process: `forward` beside two `pipe`s. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";

const chunk = new Uint8Array(64 * 1024);

/**
 * @param {"pipe" | "forward"} way @param {number} megabytes @returns {Promise<{ mbPerS: number, cpuMsPerGb: number }>}
 */
export async function relayed(way, megabytes) {
  const sink = createServer({ allowHalfOpen: true }, (socket) =>
    socket.on("data", () => {}).on("end", () => socket.end("x")),
  );
  sink.listen(0, "127.0.0.1");
  await once(sink, "listening");
  const sinkPort = /** @type {import("node:net").AddressInfo} */ (sink.address()).port;
  const relay = fork(new URL("relay.mjs", import.meta.url), [way, String(sinkPort)]);
  try {
    const [{ port }] = await once(relay, "message");
    await run(relay, port, megabytes / 4); // warm
    return await run(relay, port, megabytes);
  } finally {
    relay.kill();
    sink.close();
  }
}

/** @param {import("node:child_process").ChildProcess} relay @param {number} port @param {number} megabytes */
async function run(relay, port, megabytes) {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  await once(socket, "connect");
  const told = once(relay, "message");
  const begin = performance.now();
  const bytes = Math.ceil((megabytes * 1e6) / chunk.length) * chunk.length;
  for (let sent = 0; sent < bytes; sent += chunk.length) if (!socket.write(chunk)) await once(socket, "drain");
  socket.end();
  socket.resume();
  await once(socket, "end");
  const seconds = (performance.now() - begin) / 1_000;
  const [{ cpuMs }] = await told;
  return { mbPerS: bytes / 1e6 / seconds, cpuMsPerGb: cpuMs / (bytes / 1e9) };
}
