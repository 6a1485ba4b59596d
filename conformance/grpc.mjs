/**
 * connectconformance 1.0.6, gRPC only, over plaintext and TLS, with and without client certificates: 570 cases for a
 * server and 646 for a client; and the same again with messages as JSON and with more encodings.
 */
import { fileURLToPath } from "node:url";
import { runToEnd } from "./lib/child.mjs";
import { goModuleFolder, installedByGo } from "./lib/go.mjs";
import { generatedTypes } from "./lib/protos.mjs";

const version = "1.0.6";
const runs = [
  { config: "grpc-conformance.yaml", compression: "gzip", expected: { server: 570, client: 646 } },
  { config: "grpc-conformance-more.yaml", compression: "br", expected: { server: 1_536, client: 1_880 } },
];
/** The time limit of one of the four runs, which take some ten seconds each. */
const timeoutMs = 240_000;

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const judge = installedByGo("connectrpc.com/conformance/cmd/connectconformance", `v${version}`);
  const protos = `${goModuleFolder("connectrpc.com/conformance", `v${version}`)}/proto`;
  const types = generatedTypes(protos, `connectconformance-${version}`);
  const here = (name) => fileURLToPath(new URL(name, import.meta.url));
  const counts = { passed: 0, failed: 0 };
  for (const { config, compression, expected } of runs) {
    for (const [mode, total] of Object.entries(expected)) {
      const program = [process.execPath, here(`grpc/${mode}.mjs`), types, compression];
      const ended = await runToEnd(judge, ["--conf", here(config), "--mode", mode, "--", ...program], { timeoutMs });
      const { passed, failed } = readReport(ended, total);
      console.log(`${config}, ${mode}: ${passed} passed, ${failed} failed`);
      counts.passed += passed;
      counts.failed += failed;
    }
  }
  return counts;
}

/** Prints the cases that failed. A run of fewer cases than there are is a failure, too. */
function readReport({ stdout, stderr, timedOut }, expected) {
  const report = `${stdout}\n${stderr}`;
  const totals = /Total cases: (\d+)\n(\d+) passed, (\d+) failed/.exec(report);
  const [total, passed, failed] = totals === null ? [0, 0, 0] : totals.slice(1).map(Number);
  if (failed > 0 || totals === null) console.log(report.replace(/^(Computed|Running|Loaded) .*\n/gm, ""));
  if (total === expected && passed + failed === total) return { passed, failed };
  console.log(
    `${passed} of ${total} cases passed, where ${expected} are expected${timedOut ? "; it ran out of time" : ""}`,
  );
  return { passed, failed: failed + 1 };
}
