/**
 * Real HTTP/2 peers, over plaintext and TLS: nghttp, curl, h2load, node:http2 and Go's net/http as clients of our
 * server; nghttpd, node:http2 and Go's net/http as servers for our client. Trailers, large headers (Huffman code and
 * CONTINUATION), large bodies, cancelled streams, and orderly ends under load, as far as each can; and what TLS must
 * refuse.
 */
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  curlAsClient,
  goAsClient,
  h2loadAsClient,
  nghttpAsClient,
  nodeAsClient,
} from "./h2/peers/against-our-server.mjs";
import { againstNghttpd, againstServer } from "./h2/peers/of-our-client.mjs";
import { expect, largeBodyBytes, pattern } from "./h2/peers/samples.mjs";
import { tlsPeers } from "./h2/peers/tls.mjs";
import { installedByApt } from "./lib/apt.mjs";
import { Cases } from "./lib/cases.mjs";
import { freePort, startServer, startServerAt, withServer } from "./lib/child.mjs";
import { builtByGo } from "./lib/go.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const fixture = (name) => path(`../packages/h2/test/fixtures/tls/${name}.pem`);
const keyPair = (name) => [fixture(name), fixture(`${name}-key`)];
const authority = fixture("authority");
const transports = [
  { over: "plaintext", scheme: "http", certificate: [] },
  { over: "TLS", scheme: "https", certificate: keyPair("server") },
];

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const programs = {
    nghttp: installedByApt("nghttp", "nghttp2-client"),
    h2load: installedByApt("h2load", "nghttp2-client"),
    nghttpd: installedByApt("nghttpd", "nghttp2-server"),
    curl: installedByApt("curl", "curl"),
    go: builtByGo(path("h2/go"), "http-peer"),
  };
  const ca = readFileSync(authority);
  const cases = new Cases();
  const folder = await mkdtemp(join(tmpdir(), "http-peers-"));
  try {
    await writeFile(join(folder, "body"), pattern(largeBodyBytes));
    await writeFile(join(folder, "small"), "hello\n");
    for (const { over, scheme, certificate } of transports) {
      const url = ({ line }) => `${scheme}://127.0.0.1:${line}`;
      const other = certificate.length === 0 ? [] : keyPair("renewed");
      const oursStarts = startServer(process.execPath, [path("h2/peers/our-server.mjs"), ...certificate, ...other]);
      await withServer(oursStarts, async (server) => {
        const site = { url: url(server), authority, ca, folder, programs };
        for (const asClient of [nodeAsClient, goAsClient, curlAsClient, nghttpAsClient, h2loadAsClient])
          await asClient(cases, over, site);
        await cases.run(`our server over ${over} has survived`, () =>
          expect(server.alive, `it has ended with ${server.end}`),
        );
      });
      const nodeStarts = startServer(process.execPath, [path("h2/peers/node-server.mjs"), ...certificate]);
      await withServer(nodeStarts, (server) =>
        againstServer(cases, `node:http2 over ${over}`, { url: url(server), ca }),
      );
      const goStarts = startServer(programs.go, ["server", ...certificate]);
      await withServer(goStarts, (server) =>
        againstServer(cases, `Go's net/http over ${over}`, { url: url(server), ca }),
      );
      const port = await freePort();
      const secure =
        certificate.length === 0 ? ["--no-tls", String(port)] : [String(port), certificate[1], certificate[0]];
      const args = [
        "--address=127.0.0.1",
        `--htdocs=${folder}`,
        "--echo-upload",
        "--trailer=x-end: of the answer",
        ...secure,
      ];
      const nghttpdStarts = startServerAt(programs.nghttpd, args, { port });
      await withServer(nghttpdStarts, (server) =>
        againstNghttpd(cases, `nghttpd over ${over}`, { url: url(server), ca }),
      );
    }
    await tlsPeers(cases, { programs, ourServer: path("h2/peers/our-server.mjs"), keyPair, authority, ca });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return cases.counts;
}
