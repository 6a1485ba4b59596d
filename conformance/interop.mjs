/** gRPC's interop cases with grpc-go 1.85: 16 of them, as a client and as a server of its, over plaintext and TLS. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Channel, createClient } from "@trunkline/grpc";
import { cases } from "./interop/cases.mjs";
import { Cases } from "./lib/cases.mjs";
import { excerpt, freePort, runToEnd, startServer, startServerAt, withServer } from "./lib/child.mjs";
import { goModuleFolder, installedByGo } from "./lib/go.mjs";
import { generatedTypes } from "./lib/protos.mjs";

const version = "v1.85.0";
const serverName = "foo.test.google.fr";
const timeoutMs = 30_000;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const types = generatedTypes(here("interop/proto"), "interop", { fresh: true });
  const goClient = installedByGo("google.golang.org/grpc/interop/client", version);
  const goServer = installedByGo("google.golang.org/grpc/interop/server", version);
  // Its programs read their certificates from there, too.
  const testdata = `${goModuleFolder("google.golang.org/grpc", version)}/testdata`;
  const results = new Cases();
  for (const secure of [false, true]) {
    await runOurClient(results, goServer, types, secure ? readFileSync(`${testdata}/ca.pem`) : undefined);
    await runOurServer(results, goClient, types, secure ? [`${testdata}/server1.pem`, `${testdata}/server1.key`] : []);
  }
  return results.counts;
}

async function runOurClient(results, goServer, types, ca) {
  const generated = await import(`${types}grpc/testing/test_pb.js`);
  const way = ca === undefined ? "plaintext" : "TLS";
  const port = await freePort();
  await withServer(
    startServerAt(goServer, [`--port=${port}`, ...(ca === undefined ? [] : ["--use_tls"])], { port }),
    async () => {
      const secure = { tls: { ca, servername: serverName }, authority: serverName };
      const newChannel = () => new Channel(`127.0.0.1:${port}`, ca === undefined ? {} : secure);
      for (const [name, perform] of Object.entries(cases)) {
        const channel = newChannel();
        const client = createClient(generated.TestService, channel);
        await results.run(
          `our client, grpc-go's server, ${way}: ${name}`,
          () => perform(client, generated, newChannel),
          timeoutMs,
        );
        await channel.close({ closeTimeoutMs: 0 });
      }
    },
  );
}

async function runOurServer(results, goClient, types, certificate) {
  const [way, flags] =
    certificate.length === 0
      ? ["plaintext", []]
      : ["TLS", ["--use_tls", "--use_test_ca", `--server_host_override=${serverName}`]];
  await withServer(
    startServer(process.execPath, [here("interop/server.mjs"), types, ...certificate]),
    async ({ line: port }) => {
      for (const name of Object.keys(cases)) {
        await results.run(`our server, grpc-go's client, ${way}: ${name}`, async () => {
          const ended = await runToEnd(
            goClient,
            ["--server_host=127.0.0.1", `--server_port=${port}`, `--test_case=${name}`, ...flags],
            {
              timeoutMs,
            },
          );
          if (ended.code !== 0) throw new Error(excerpt(ended));
        });
      }
    },
  );
}
