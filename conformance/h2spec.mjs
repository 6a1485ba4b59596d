/** h2spec 2.2.1: HTTP/2 servers, all 146 cases with the strict ones, over plaintext and over TLS. */
import { fileURLToPath } from "node:url";
import { runToEnd, startServer, withServer } from "./lib/child.mjs";
import { installedByGo } from "./lib/go.mjs";
import { readReport } from "./lib/h2spec-report.mjs";
import { judge } from "./lib/outcome.mjs";

const casesOnce = 146;
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const fixtures = "../packages/h2/test/fixtures";
const transports = [
  { name: "plaintext", server: [], h2spec: [] },
  {
    name: "TLS",
    server: ["--tls", path(`${fixtures}/certificate.pem`), path(`${fixtures}/key.pem`)],
    h2spec: ["-t", "-k"],
  },
];

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const h2spec = installedByGo("github.com/summerwind/h2spec/cmd/h2spec", "v2.2.1+incompatible");
  const total = { passed: 0, failed: 0 };
  for (const transport of transports) {
    await withServer(startServer(process.execPath, [path("h2/server.mjs"), ...transport.server]), async (server) => {
      const args = ["-S", "-h", "127.0.0.1", "-p", server.line, ...transport.h2spec];
      const report = await runToEnd(h2spec, args, { timeoutMs: 600_000 });
      console.log(`over ${transport.name}:`);
      const { passed, failed } = judge(readReport(report.stdout.toString()), { expected: casesOnce });
      total.passed += passed;
      total.failed += failed + (server.alive ? 0 : 1);
      if (!server.alive) console.log(`the server under test has ended with ${server.end}`);
    });
  }
  return total;
}
