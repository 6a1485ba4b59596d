/** h2specd 2.2.1: HTTP/2 clients, 57 cases, each a run of a client against a port of its own from 30000 on. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { installedByGo } from "./lib/go.mjs";
import { readReport } from "./lib/h2spec-report.mjs";
import { judge } from "./lib/outcome.mjs";

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const h2specd = installedByGo("github.com/summerwind/h2spec/cmd/h2specd", "v2.2.1+incompatible");
  const client = fileURLToPath(new URL("h2/client.mjs", import.meta.url));
  const judging = spawn(h2specd, ["-S", "-f", "30000", "-e", `${process.execPath} ${client}`], { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  judging.stdout.setEncoding("utf8").on("data", (more) => {
    text += more;
  });
  // It may end with 0 although cases failed: what it printed counts.
  await once(judging, "close");
  return judge(readReport(text), { expected: 57 });
}
