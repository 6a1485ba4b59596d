// Runs the command from a program and follows its events: starts router, expose and connect, moves bytes through the
// tunnel, and stops them in order. With --json stdout has one event a line.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

const manifest = createRequire(import.meta.url).resolve("trunkline/package.json");
const trunkline = join(dirname(manifest), "dist/main.js"); // what `trunkline` in the PATH leads to
const folder = await mkdtemp(join(tmpdir(), "trunkline-"));

/** Starts the command. `next(kind)` resolves with its next event of that kind. */
function start(...args) {
  const env = { ...process.env, XDG_RUNTIME_DIR: folder };
  const child = spawn(process.execPath, [trunkline, ...args, "--json"], { env, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, "exit");
  return {
    async next(kind) {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`trunkline ${args[0]} ended before the event "${kind}"`);
        const event = JSON.parse(value);
        if (event.event === kind) return event;
      }
    },
    async stop() {
      child.kill("SIGTERM");
      const [code] = await exited;
      return code;
    },
  };
}

// The service: sends everything back.
const service = net.createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
await once(service, "listening");

const router = start("router", "--listen", "127.0.0.1:0");
await router.next("listening");
const expose = start("expose", "echo", String(service.address().port));
console.log(`exposed as ${(await expose.next("exposed")).name}`);
const connect = start("connect", "echo", "--listen", "127.0.0.1:0");
const { port } = await connect.next("listening");

const socket = net.connect(port, "127.0.0.1");
socket.end(Buffer.alloc(100_000)); // the half-close goes through: the service ends after it has sent everything back
let received = 0;
for await (const chunk of socket) received += chunk.length;
console.log(`${received} bytes came back`);

const { bytesToTarget, bytesFromTarget, error } = await connect.next("connection-closed");
console.log(`${bytesToTarget} bytes to the target, ${bytesFromTarget} from it, ${error ?? "no error"}`);
console.log(`exit codes: ${[await connect.stop(), await expose.stop(), await router.stop()].join(", ")}`);
service.close();
await rm(folder, { recursive: true });

// Prints:
// exposed as echo
// 100000 bytes came back
// 100000 bytes to the target, 100000 from it, no error
// exit codes: 0, 0, 0
