/**
 * Mistakes of people with routers, tokens and ports, each made with real processes: one line says what is wrong and
 * what to do, with the documented exit code.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../lib/child.mjs";
import { Command, output } from "../lib/command.mjs";

const hourMs = 3_600_000;
/** A program that puts a clock of Node ahead, before anything else runs. */
const shiftedClock = `
const ms = Number(process.env.CLOCK_AHEAD_MS);
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...parts) {
    super(...(parts.length === 0 ? [Real.now() + ms] : parts));
  }
  static now() {
    return Real.now() + ms;
  }
};`;
const secret = "a key of 32 bytes for this judge";

/**
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {{ folder: string, env: Record<string, string>, file(name: string, content: string): string, keep<T extends {
 * stop(): Promise<void> }>(running: T): T }} lab a router of this machine runs there
 */
export async function makeMistakes(cases, lab) {
  const start = (args, env = lab.env) => lab.keep(new Command(args, env));
  const fails = async (args, env, exitCode, message) => {
    const run = start(args, env);
    await run.ended;
    const [error, ...more] = run.all("error");
    assert.deepEqual(more, [], run.text);
    assert.match(error?.message ?? run.text, message);
    assert.equal(run.exit, exitCode, run.text);
    assert.equal(error.exitCode, exitCode);
    assert.ok(!error.message.includes("\n"), error.message);
  };
  const keyFile = lab.file("mistakes-key", secret);
  const otherKeyFile = lab.file("mistakes-other-key", secret.toUpperCase());
  const clock = lab.file("mistakes-clock.cjs", shiftedClock);
  /** The environment of a command whose clock is so much ahead. */
  const ahead = (ms) => ({ NODE_OPTIONS: `--require ${clock}`, CLOCK_AHEAD_MS: String(ms) });
  const minted = (file, ms = 0) =>
    output(["token", "mint", "me", "--lifetime", "10m", "--key-file", file], { ...lab.env, ...ahead(ms) });
  const { address } = await start(["router", "--listen", "127.0.0.1:0", "--key-file", keyFile]).event("listening");
  const at = ["--endpoint", address];

  await cases.run("a second router on one machine says where the first one is, and what it needs", () =>
    fails(["router", "--listen", "127.0.0.1:0"], lab.env, 73, /runs on this machine already, at .*--key-file/),
  );
  await cases.run("a port that is in use is named, with the way out", async () => {
    await fails(["router", "--listen", address, "--key-file", keyFile], lab.env, 73, /in use already; choose another/);
    await fails(["bench", "--serve", address], lab.env, 73, /in use already; choose another/);
  });

  const home = join(lab.folder, "mistakes");
  const env = { HOME: home, XDG_RUNTIME_DIR: home };
  mkdirSync(join(home, "trunkline"), { recursive: true, mode: 0o700 });
  const nowhere = `127.0.0.1:${await freePort()}`;
  const leave = (text) => writeFileSync(join(home, "trunkline", "router.json"), text, { mode: 0o600 });
  const state = (pid) => JSON.stringify({ endpoint: nowhere, token: "a.b.c", pid });
  await cases.run("a stale file of a router says so: its process has ended, or is another one's by now", async () => {
    leave(state(2 ** 30));
    await fails(["ls"], env, 69, /the router of this machine .* has ended; start one with: trunkline router/);
    leave(state(process.pid));
    await fails(["ls"], env, 69, /connection refused; no router listens there; trunkline router begins one/);
    leave("nonsense");
    await fails(["ls"], env, 66, /it is no JSON; trunkline router replaces it/);
  });
  await cases.run("a router takes the place of a stale file", async () => {
    const router = start(["router", "--listen", "127.0.0.1:0"], env);
    await router.event("listening");
    const list = start(["ls"], env);
    await list.ended;
    assert.equal(list.exit, 0, list.text);
    await router.stop();
  });

  /** The commands that show a token. */
  const commands = [["ls"], ["expose", "a", "1", "--no-check"], ["doctor"]];
  const refused = (token, message) =>
    Promise.all(commands.map((args) => fails([...args, ...at], { ...env, TRUNKLINE_TOKEN: token }, 77, message)));
  await cases.run("a token that a clock an hour ahead has made: the clocks differ", async () =>
    refused(await minted(keyFile, hourMs), /issued \(iat\) in the future; the clocks .* differ: set them/),
  );
  await cases.run("a token that a clock an hour behind has made: it has expired, or the clocks differ", async () =>
    refused(await minted(keyFile, -hourMs), /it has expired; make another one .* the clocks agree/),
  );
  await cases.run("a token for another router: it says so, and where to make one", async () =>
    refused(await minted(otherKeyFile), /fits no key of this router; it is for another router/),
  );
  await cases.run("a client whose clock is an hour off is served, and doctor names the clock", async () => {
    const shifted = { ...env, ...ahead(hourMs), TRUNKLINE_TOKEN: await minted(keyFile) };
    const doctor = start(["doctor", ...at], shifted);
    await doctor.ended;
    assert.equal(doctor.exit, 0, doctor.text);
    assert.match(doctor.all("hop").find(({ hop }) => hop === "token")?.detail ?? "", /is that clock right\?/);
  });
}
