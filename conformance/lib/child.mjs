/** Programs that a judge runs: bounded in time, and gone when the judge is. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * @typedef {{ readonly line: string, readonly pid: number, readonly alive: boolean, readonly end: string | number |
 * null, stop(): Promise<void> }} RunningServer
 */

/** The part of a program's output that is kept. */
const largestOutputBytes = 64 * 2 ** 20;
const shownCharacters = 500;

/**
 * Starts a program that is gone when the judge is. @param {string} program @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} options
 */
export function launch(program, args, options) {
  const child = spawn(program, args, options);
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/**
 * Runs a program to its end. It never rejects because of what the program does: that is for the judge to say.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ timeoutMs?: number, input?: string | Buffer, cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ code: number | null, stdout: Buffer, stderr: string, timedOut: boolean }>} `code` is null when it
 * was killed
 */
export async function runToEnd(program, args, { timeoutMs = 60_000, input, cwd, env } = {}) {
  const child = launch(program, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const stdout = [];
  let stdoutBytes = 0;
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdoutBytes += chunk.length;
    if (stdoutBytes > largestOutputBytes) child.kill("SIGKILL");
    else stdout.push(chunk);
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    if (stderr.length < largestOutputBytes) stderr += text;
  });
  child.stdin.on("error", () => {}); // it need not read what it is given
  child.stdin.end(input);
  try {
    const [code] = await once(child, "close");
    return { code, stdout: Buffer.concat(stdout), stderr, timedOut };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs a program to its end, as `runToEnd`, which must be a good one.
 * @throws {Error} with the end of its output, where its exit code is not 0
 */
export async function mustRun(program, args, options) {
  const result = await runToEnd(program, args, options);
  if (result.code !== 0) throw new Error(`${program} ${excerpt(result)}`);
  return result;
}

/** Returns an excerpt of a program's output for a message. */
export function excerpt({ stdout, stderr, code, timedOut }) {
  const text = `${stdout.subarray(-shownCharacters).toString()}\n${stderr.slice(-shownCharacters)}`.trim();
  return `${timedOut ? "ran out of time" : `ended with ${code}`}: ${text}`;
}

/**
 * Starts a server and gives the first line that it prints, which tells its port.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ timeoutMs?: number, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<RunningServer>}
 * @throws {Error} when it ends, or prints nothing in time
 */
export async function startServer(program, args, { timeoutMs = 20_000, env } = {}) {
  const child = launch(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const deadline = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const line = await Promise.race([
    once(child.stdout.setEncoding("utf8"), "data").then(([text]) => text.trim()),
    once(child, "close").then(([code, signal]) => {
      throw new Error(
        `${program} ended with ${signal ?? code} before it said, within ${timeoutMs} ms, where it listens`,
      );
    }),
  ]).finally(() => clearTimeout(deadline));
  child.stdout.resume();
  return served(child, line);
}

/**
 * Starts a server that is told its port and says nothing: it is up when it can be connected to.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ port: number, timeoutMs?: number, cwd?: string, quiet?: boolean }} options `quiet` leaves out its errors
 * @returns {Promise<RunningServer>}
 * @throws {Error} when it ends, or cannot be connected to in time
 */
export async function startServerAt(program, args, { port, timeoutMs = 20_000, cwd, quiet = false }) {
  const child = launch(program, args, { cwd, stdio: ["ignore", "ignore", quiet ? "ignore" : "inherit"] });
  for (const endMs = performance.now() + timeoutMs; ; await sleep(20)) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    if (await isListening(port)) return served(child, String(port));
    if (performance.now() < endMs) continue;
    child.kill("SIGKILL");
    throw new Error(`${program} does not listen on ${port} after ${timeoutMs} ms`);
  }
}

function served(child, line) {
  return {
    line,
    pid: child.pid,
    get alive() {
      return child.exitCode === null && child.signalCode === null;
    },
    get end() {
      return child.signalCode ?? child.exitCode;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
}

/**
 * Lets `use` work with a server, and ends it whatever happens.
 * @param {Promise<RunningServer>} starting
 * @param {(server: RunningServer) => Promise<void>} use
 */
export async function withServer(starting, use) {
  const server = await starting;
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

async function isListening(port) {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port of 127.0.0.1 that was free a moment ago, for programs that cannot choose one themselves. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
