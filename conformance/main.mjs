/**
 * The outside judges: `npm run conformance -- JUDGE…`. Each one is a file beside this one that exports `run`; it
 * installs what it needs into `.cache/`. Ends with a line `N passed, N failed`; exits with 1 when a case failed that is
 * not known to.
 */
import { JudgeMissing } from "./lib/outcome.mjs";

const judges = {
  h2spec: "HTTP/2 servers: h2spec over plaintext and TLS",
  h2specd: "HTTP/2 clients: h2specd",
  hpack: "our headers decoded by python-hyper, nghttp2 and Go",
  "http-peers": "HTTP/2 with nghttp, nghttpd, h2load, curl, node:http2 and Go's net/http",
  grpc: "gRPC conformance: connectconformance on a server and a client of ours",
  interop: "gRPC's interop cases with grpc-go, as its client and as its server",
  attacks: "hostile peers of our servers (HTTP/2, gRPC, the router) and clients, as processes",
  "dead-ways": "streams of the command whose way to the router dies, stalls or comes back (--full: for longer)",
  resume: "tunnels whose router is killed, drained, stopped and away, and whose ways are cut (--full: 1,000 kills)",
  "router-faults": "listener, dialler, router and target that are killed or stopped at each stage of a stream",
  jumpstarter: "Jumpstarter's own Python peers at the router, and its network driver's tests through it",
  helm: "the Helm chart of the router: valid for Kubernetes, and its configuration taken by the router",
  oidc: "users of a real provider of OpenID Connect, whose keys change, and which is away, slow or hostile",
  dashboard: "the router's dashboard in Chromium: every view and action, by keyboard, with axe, and attacks on it",
  proxies: "gRPC through nginx, haproxy, nghttpx and Envoy (--full: streams that stay open for minutes)",
  networks: "the command through squid, tinyproxy, microsocks, nginx with WebSockets, and ways that drop what is idle",
  "fleet-of-servers":
    "five servers behind round_robin, killed, stopped, drained and replaced under load (--full: longer)",
  cli: "the command with ssh, curl, databases, WebSockets, shells, killed transfers, its recipes (--full: larger)",
  streams: "compressed streams with Python's gzip, zlib, bz2, lzma, zstandard and brotli",
  leaks: "what a million calls, and many streams, connections and channels, leave behind",
  tools: "grpcurl, grpc-health-probe and ghz on a server of ours",
  peers: "gRPC with grpcio, grpclib, grpc-go, grpc-js and connect-node, as clients and as servers",
};

const wanted = process.argv.slice(2).filter((argument) => argument !== "--full");
const unknown = wanted.filter((name) => !Object.hasOwn(judges, name));
if (wanted.length === 0 || unknown.length > 0) {
  for (const name of unknown) console.error(`there is no judge ${JSON.stringify(name)}`);
  console.error("usage: npm run conformance -- JUDGE… [--full]");
  for (const [name, what] of Object.entries(judges)) console.error(`  ${name.padEnd(14)}${what}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
let skipped = 0;
for (const name of wanted) {
  console.log(`== ${name}: ${judges[name]}`);
  try {
    const { run } = await import(`./${name}.mjs`);
    const counts = await run();
    passed += counts.passed;
    failed += counts.failed;
  } catch (error) {
    if (error instanceof JudgeMissing && !process.env.CI) {
      skipped += 1;
      console.log(`${name} is skipped: ${error.message}`);
    } else {
      failed += 1;
      console.error(
        `${name} could not be run: ${error instanceof JudgeMissing ? error.message : (error.stack ?? error)}`,
      );
    }
  }
}
if (skipped > 0) console.log(`${skipped} of ${wanted.length} judges skipped`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
