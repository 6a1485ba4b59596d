/**
 * A TCP relay that holds every byte for a time, in a process of its own: a long way between two processes of one
 * machine. It gives both directions the same delay, and takes as much as comes, up to a limit, as a wide network does.
 * `node bench/delay-relay.mjs '<DelayTask as JSON>'`; it says its port and ends as the processes of a run do.
 */
import { dial, listen } from "./subjects/socket-stream.mjs";

/** The bytes under way in one direction past which the relay stops reading: 5 Gbit/s over 50 ms, and twice that. */
const mostUnderWay = 67_108_864;

/** @type {import("./types.d.ts").DelayTask} */
const { port, delayMs, limitMs } = JSON.parse(process.argv[2] ?? "null");
setTimeout(() => process.exit(1), limitMs).unref();
process.once("SIGTERM", () => process.exit(0));
process.stdin.on("end", () => process.exit(0)).resume();

const relay = await listen((near) => {
  const far = dial(port);
  delay(near, far);
  delay(far, near);
});
process.stdout.write(`${JSON.stringify({ port: relay.port })}\n`);

/**
 * Passes on what comes from one socket to the other, and its end, each as late.
 * @param {import("node:net").Socket} from
 * @param {import("node:net").Socket} to
 */
function delay(from, to) {
  /** @type {{ dueMs: number, chunk: Uint8Array | undefined }[]} */
  let waiting = [];
  let bytes = 0;
  let armed = false;
  const arm = () => {
    const [first] = waiting;
    if (armed || first === undefined) return;
    armed = true;
    setTimeout(pass, Math.max(0, first.dueMs - performance.now()));
  };
  const pass = () => {
    armed = false;
    const nowMs = performance.now();
    const later = waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = later === -1 ? waiting : waiting.slice(0, later);
    waiting = later === -1 ? [] : waiting.slice(later);
    to.cork();
    for (const { chunk } of due) {
      bytes -= chunk?.length ?? 0;
      if (chunk === undefined) to.end();
      else to.write(chunk);
    }
    to.uncork();
    if (bytes < mostUnderWay) from.resume();
    arm();
  };
  /** @param {Uint8Array | undefined} chunk */
  const hold = (chunk) => {
    bytes += chunk?.length ?? 0;
    waiting.push({ dueMs: performance.now() + delayMs, chunk });
    if (bytes >= mostUnderWay) from.pause();
    arm();
  };
  from.on("data", hold);
  from.on("end", () => hold(undefined));
  from.on("error", () => to.destroy());
}
