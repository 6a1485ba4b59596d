/** The output of the command in a real pseudo-terminal, narrow and wide, with and without colour. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { excerpt, runToEnd } from "../lib/child.mjs";

const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const name = "terminals";
// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that steer a terminal
const escapeSequence = /\u001b\[[?\d;]*[A-Za-z]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that colour text
const colour = /\u001b\[\d+(;\d+)*m/;

/**
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {{ folder: string, env: Record<string, string>, start(...args: string[]): { event(kind: string):
 * Promise<unknown> }, expose(name: string, target: number): Promise<void> }} lab
 */
export async function lookAtTerminals(cases, lab) {
  const home = join(lab.folder, "terminals-config");
  mkdirSync(join(home, "trunkline"), { recursive: true });
  const forwards = `["0:${name}", "udp:0:${name}", "unix:${home}/${"long-".repeat(10)}:${name}"]`;
  writeFileSync(join(home, "trunkline", "config.yaml"), `profiles:\n  here:\n    forwards: ${forwards}\n`);
  await lab.start("expose", name, "1", "--no-check").event("exposed");

  /** Runs the command under a pseudo-terminal of so many columns; `keys` are typed. */
  const show = async (args, columns, { keys = "", env = {} } = {}) => {
    const words = [process.execPath, main, ...args].map((word) => `'${word}'`).join(" ");
    const command = `stty cols ${columns} rows 24; exec ${words}`;
    const surroundings = { PATH: process.env.PATH, TERM: "xterm", ...lab.env, XDG_CONFIG_HOME: home, ...env };
    const options = { env: surroundings, input: keys, timeoutMs: 60_000 };
    const result = await runToEnd("script", ["-q", "-e", "-c", command, "/dev/null"], options);
    assert.equal(result.code, 0, excerpt(result));
    return result.stdout.toString();
  };
  /** The lines that are drawn, without what steers the terminal. */
  const fits = (text, columns) => {
    const lines = text.replaceAll(escapeSequence, "\n").split(/[\r\n]+/);
    for (const line of lines) assert.ok(line.length <= columns, `${line.length} of ${columns}: ${line}`);
    return lines;
  };

  for (const columns of [40, 80, 200]) {
    await cases.run(`a terminal of ${columns} columns: ls, ping, top and up fit`, async () => {
      const [ls, ping, top, up] = await Promise.all([
        show(["ls"], columns),
        show(["ping", name, "--count", "1", "--log-level", "error"], columns),
        show(["top"], columns, { keys: "q" }),
        show(["up", "--log-level", "error"], columns, { keys: "q" }),
      ]);
      assert.ok(
        fits(ls, columns).some((line) => line.startsWith(name)),
        ls,
      );
      assert.ok(
        fits(ping, columns).some((line) => line.startsWith(`${name}: answer 1 after`)),
        ping,
      );
      assert.ok(
        fits(top, columns).some((line) => line.includes("serving")),
        top,
      );
      assert.match(top, colour);
      assert.ok(
        fits(up, columns).some((line) => line.includes("here at")),
        up,
      );
    });
  }
  await cases.run("a terminal of 40 columns: the bar of send leaves out what has no room", async () => {
    const file = join(lab.folder, "terminal-file");
    writeFileSync(file, randomBytes(30_000_000));
    const recv = lab.start("recv", "to-terminal", "--to", home);
    await recv.event("exposed");
    const sent = await show(["send", file, "to-terminal", "--log-level", "error"], 40);
    await recv.event("received");
    assert.match(sent, /\d+ %/);
    fits(sent.replace(/sent 1 entry.*/, ""), 40);
  });
  await cases.run(
    "a terminal without colours, by NO_COLOR, and one that cannot be drawn on, by TERM=dumb",
    async () => {
      const plain = await show(["top"], 80, { keys: "q", env: { NO_COLOR: "1" } });
      assert.doesNotMatch(plain, colour);
      assert.match(plain, /serving/);
      for (const args of [["top"], ["ls"]]) {
        const dumb = await show(args, 80, { env: { TERM: "dumb" } });
        assert.ok(!dumb.includes("\u001b"), dumb);
      }
    },
  );
}
