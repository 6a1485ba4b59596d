/**
 * Real gRPC peers, each as the client of our server and as the server of our client, over one list of cases. All
 * programs are told what to do in one way (`peers/proto/peer.proto`), ours too, which is also tried against itself.
 */
import { Cases } from "./lib/cases.mjs";
import { startServer, withServer } from "./lib/child.mjs";
import { peerCases } from "./peers/cases.mjs";
import { Driver } from "./peers/driver.mjs";
import { lacks } from "./peers/known.mjs";
import { againstLostServers } from "./peers/lost-servers.mjs";
import { ours, peerPrograms } from "./peers/programs.mjs";

const caseTimeoutMs = 120_000;
/** `PEERS=grpcio,grpc-go`: only these. */
const chosen = process.env.PEERS?.split(",");

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const cases = new Cases();
  for (const peer of [ours, ...peerPrograms()]) {
    if (chosen !== undefined && !chosen.includes(peer.name)) continue;
    await judgePair(cases, { client: ours, server: peer, peer, part: "server" });
    await againstLostServers(cases, peer);
    if (peer !== ours) await judgePair(cases, { client: peer, server: ours, peer, part: "client" });
  }
  return cases.counts;
}

async function judgePair(cases, { client, server, peer, part }) {
  const pair = `${client.name} calls ${server.name}`;
  await withServer(startServer(server.program, [...server.args, "server"], { env: server.env }), async ({ line }) => {
    let driver = new Driver(client, `127.0.0.1:${line}`);
    const peers = {
      call: (spec) => driver.call(spec),
      /** Bytes so far, as ours knows them: of each call where it is the client, in all where it is the server. */
      async traffic(outcome) {
        if (client === ours) return { toServer: outcome?.bytesWritten ?? 0, toClient: outcome?.bytesRead ?? 0 };
        const { seen } = await driver.call({ method: "Seen", requests: [{}] });
        return { toServer: seen.bytesRead, toClient: seen.bytesWritten };
      },
    };
    let leftOut = 0;
    try {
      for (const { title, needs = [], check } of peerCases) {
        const reason = needs.map((need) => lacks[peer.name]?.[part]?.[need]).find((each) => each !== undefined);
        if (reason !== undefined) {
          leftOut += 1;
          console.log(`left out ${pair}: ${title} (${reason})`);
          continue;
        }
        const failedBefore = cases.failed;
        await cases.run(`${pair}: ${title}`, () => check(peers), caseTimeoutMs);
        if (cases.failed === failedBefore) continue;
        // Late output of this case must not be taken for that of the next one.
        await driver.stop();
        driver = new Driver(client, `127.0.0.1:${line}`);
      }
    } finally {
      await driver.stop();
    }
    if (leftOut > 0) console.log(`${pair}: ${leftOut} cases left out, for what ${peer.name} cannot do`);
  });
}
