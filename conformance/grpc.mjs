/** connectconformance 1.0.6, gRPC only: 570 cases for a server, 646 for a client, over plaintext and TLS, with and without client certificates. */
import { fileURLToPath } from "node:url";
import { runToEnd } from "./lib/child.mjs";
import { goModuleFolder, installedByGo } from "./lib/go.mjs";
import { generatedTypes } from "./lib/protos.mjs";

const version = "1.0.6";
const expected = { server: 570, client: 646 };
const timeoutMs = 600_000;

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const judge = installedByGo("connectrpc.com/conformance/cmd/connectconformance", `v${version}`);
  const protos = `${goModuleFolder("connectrpc.com/conformance", `v${version}`)}/proto`;
  const types = generatedTypes(protos, `connectconformance-${version}`);
  const here = (name) => fileURLToPath(new URL(name, import.meta.url));
  const counts = { passed: 0, failed: 0 };
  for (const mode of ["server", "client"]) {
    const program = [process.execPath, here(`grpc/${mode}.mjs`), types];
    const { stdout, stderr, timedOut } = await runToEnd(
      judge,
      ["--conf", here("grpc-conformance.yaml"), "--mode", mode, "--", ...program],
      { timeoutMs },
    );
    const { passed, failed } = readReport(`${stdout}\n${stderr}`, mode, timedOut);
    console.log(`${mode}: ${passed} passed, ${failed} failed`);
    counts.passed += passed;
    counts.failed += failed;
  }
  return counts;
}

/** What failed is printed; fewer cases than there are is a failure too. */
function readReport(report, mode, timedOut) {
  const totals = /Total cases: (\d+)\n(\d+) passed, (\d+) failed/.exec(report);
  const [total, passed, failed] = totals === null ? [0, 0, 0] : totals.slice(1).map(Number);
  if (failed > 0 || totals === null) console.log(report.replace(/^(Computed|Running|Loaded) .*\n/gm, ""));
  if (total === expected[mode] && passed + failed === total) return { passed, failed };
  console.log(`${mode}: ${passed} of ${total} cases passed, where ${expected[mode]} are expected${timedOut ? "; it ran out of time" : ""}`);
  return { passed, failed: failed + 1 };
}
