/** h2spec 2.2.1: HTTP/2 servers, all 146 cases with the strict ones, over plaintext and over TLS. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { installedByGo } from "./lib/go.mjs";
import { readReport } from "./lib/h2spec-report.mjs";
import { judge } from "./lib/outcome.mjs";

const casesOnce = 146;
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const fixtures = "../packages/h2/test/fixtures";
const transports = [
  { name: "plaintext", server: [], h2spec: [] },
  { name: "TLS", server: ["--tls", path(`${fixtures}/certificate.pem`), path(`${fixtures}/key.pem`)], h2spec: ["-t", "-k"] },
];

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const h2spec = installedByGo("github.com/summerwind/h2spec/cmd/h2spec", "v2.2.1+incompatible");
  const total = { passed: 0, failed: 0 };
  for (const transport of transports) {
    const server = spawn(process.execPath, [path("h2/server.mjs"), ...transport.server], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(server.stdout, "data");
    const port = String(line).trim();
    const report = spawnSync(h2spec, ["-S", "-h", "127.0.0.1", "-p", port, ...transport.h2spec], { encoding: "utf8", timeout: 600_000 });
    const alive = server.exitCode === null;
    server.kill();
    console.log(`over ${transport.name}:`);
    const { passed, failed } = judge(readReport(report.stdout), { expected: casesOnce });
    total.passed += passed;
    total.failed += failed + (alive ? 0 : 1);
    if (!alive) console.log("the server under test did not survive");
  }
  return total;
}
