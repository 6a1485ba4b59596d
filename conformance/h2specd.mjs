/** h2specd 2.2.1: HTTP/2 clients, 57 cases, each a run of a client against a port of its own from 30000 on. */
import { fileURLToPath } from "node:url";
import { runToEnd } from "./lib/child.mjs";
import { installedByGo } from "./lib/go.mjs";
import { readReport } from "./lib/h2spec-report.mjs";
import { judge } from "./lib/outcome.mjs";

/** The sections with cases of their own, and how many they are: h2specd can be asked for a section, not for a case. */
const sections = [
  ["1", 1],
  ["4.1", 3],
  ["4.2", 3],
  ["4.3", 1],
  ["5.1", 10],
  ["5.1.1", 1],
  ["5.4.1", 2],
  ["5.5", 1],
  ["6.1", 3],
  ["6.2", 3],
  ["6.3", 2],
  ["6.4", 3],
  ["6.5", 3],
  ["6.5.2", 4],
  ["6.5.3", 1],
  ["6.7", 4],
  ["6.8", 1],
  ["6.9", 3],
  ["6.9.1", 2],
  ["6.10", 6],
];
/**
 * The number of times that a section is run until its cases pass. h2specd gives a client three seconds from the start
 * of its process, and gives up all that follows when they are over: a processor that is busy with something else can
 * take them.
 */
const attempts = 3;

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const h2specd = installedByGo("github.com/summerwind/h2spec/cmd/h2specd", "v2.2.1+incompatible");
  const client = `${process.execPath} ${fileURLToPath(new URL("h2/client.mjs", import.meta.url))}`;
  /** @type {Map<string, import("./lib/outcome.mjs").CaseResult>} */
  const results = new Map();
  const unfinished = () =>
    sections
      .filter(([section, cases]) => {
        const passed = [...results].filter(([id, result]) => result.passed && id.split("/")[1] === section);
        return passed.length < cases;
      })
      .map(([section]) => `client/${section}`);
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const asked = unfinished();
    if (asked.length === 0) break;
    if (attempt > 1) console.log(`attempt ${attempt}, of ${asked.join(" ")}`);
    // It may end with 0 although cases failed: what it printed counts.
    const { stdout } = await runToEnd(h2specd, ["-S", "-f", "30000", "-e", client, ...asked], { timeoutMs: 600_000 });
    for (const result of readReport(stdout.toString())) results.set(result.id, result);
  }
  return judge([...results.values()], { expected: 57 });
}
