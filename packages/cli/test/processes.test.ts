/**
 * The built command in processes of its own. One file, so that it is built once: what is below runs as `trunkline` does
 * for users, and not on the sources.
 */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { disposeLabs } from "./support/lab.js";

beforeAll(() => {
  const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  execFileSync(process.execPath, [join(typescript, "bin/tsc"), "-b", fileURLToPath(new URL("..", import.meta.url))], {
    stdio: "inherit",
  });
}, 120_000);

afterAll(disposeLabs);

await import("./processes/transfers.js");
await import("./processes/losses.js");
await import("./processes/endings.js");
await import("./processes/standard-streams.js");
await import("./processes/datagrams.js");
await import("./processes/router-memory.js");
