/** Every way in which two sessions and their routers can go on, in worlds that are small enough to be explored. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import type { Session, SessionOptions } from "../../src/session/session.js";
import type { WorldOptions } from "./small-world.js";
import { explore, type Found, shrink, walk, worldOf } from "./walk.js";

/**
 * Walks until something goes wrong, and returns the walk as it was, or by `shrink` without the steps it does not need.
 */
function firstProblem(
  seeds: number,
  more: Partial<WorldOptions> = {},
  shorter: typeof shrink = (_, found) => found,
): Found | undefined {
  for (let seed = 0; seed < seeds; seed++) {
    const options = { ...worldOf(seed), ...more };
    const found = walk(options, seed);
    if (found !== undefined) return shorter(options, found);
  }
  return undefined;
}

const mostStates = sized(500, 1_500);

describe("two sessions", () => {
  it("lose nothing and come to their end, whatever routers do", () => {
    expect(firstProblem(sized(1_000, 10_000), {}, shrink)).toBeUndefined();
  });

  it("lose nothing in any state of the smallest world", () => {
    const { states, found } = explore({ records: [1, 0], routers: 1, faults: 1, maxAttempts: 2 }, mostStates);
    expect(found).toBeUndefined();
    expect(states).toBe(mostStates);
  });
});

/** Mistakes, each as a change of one place in what was built: the walks must find every one of them. */
const mistakes: readonly [what: string, from: string, to: string][] = [
  ["nothing is fenced", 'other.phase = "old"', "other.phase"],
  ["an echo counts as a hello", "hello.dialler === this.dialler", "false"],
  ["the replay begins one record too late", "attachment.next = received;", "attachment.next = received + 1;"],
  ["the first records are sent twice", "if (attachment.startWritten)\n            return;", ""],
  [
    "a record is acknowledged before it has come",
    "encodeAck(this.#tell())",
    "encodeAck({ ...this.#tell(), records: this.received.records + 1 })",
  ],
  [
    "nobody comes back for the other side",
    "return this.moving ?",
    "if (this.isComplete) return false;\n        return this.moving ?",
  ],
  [
    "the end of a call counts as the end of the session",
    'end.kind === "ok" && attachment.halfClosed && (this.isComplete || this.outcome !== undefined)',
    'end.kind === "ok"',
  ],
];

describe("a mistake in the session is found", () => {
  for (const [what, from, to] of mistakes) {
    it(what, async () => {
      const built = fileURLToPath(new URL("../../dist/session/session.js", import.meta.url));
      const source = readFileSync(built, "utf8");
      expect(source.split(from), `"${from}" once in what was built`).toHaveLength(2);
      const folder = mkdtempSync(fileURLToPath(new URL("../.example-", import.meta.url)));
      const planted = join(folder, "session.js");
      const withoutMap = source.replace(/^\/\/# sourceMappingURL=.*$/m, "");
      const beside = (_: string, path: string): string => `from "${new URL(path, pathToFileURL(built)).href}"`;
      writeFileSync(planted, withoutMap.replace(from, to).replaceAll(/from "(\.[^"]+)"/g, beside));
      try {
        const { Session: Wrong } = (await import(/* @vite-ignore */ planted)) as {
          Session: new (options: SessionOptions) => Session;
        };
        expect(firstProblem(3_000, { make: (options) => new Wrong(options) })).toBeDefined();
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
});
