/** h2specd 2.2.1: HTTP/2 clients, 57 cases, each a run of a client against a port of its own from 30000 on. */
import { fileURLToPath } from "node:url";
import { runToEnd } from "./lib/child.mjs";
import { installedByGo } from "./lib/go.mjs";
import { readReport } from "./lib/h2spec-report.mjs";
import { judge } from "./lib/outcome.mjs";

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const h2specd = installedByGo("github.com/summerwind/h2spec/cmd/h2specd", "v2.2.1+incompatible");
  const client = fileURLToPath(new URL("h2/client.mjs", import.meta.url));
  // It may end with 0 although cases failed: what it printed counts.
  const { stdout } = await runToEnd(h2specd, ["-S", "-f", "30000", "-e", `${process.execPath} ${client}`], {
    timeoutMs: 600_000,
  });
  return judge(readReport(stdout.toString()), { expected: 57 });
}
