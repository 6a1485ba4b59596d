/** Cases of TLS that must be accepted and that must be refused, with curl and Go on the other side. */
import { readFileSync } from "node:fs";
import { excerpt, runToEnd, startServer, withServer } from "../../lib/child.mjs";
import { withOurClient } from "./our-client.mjs";
import { expect } from "./samples.mjs";

const handshakeFailed = 35; // curl's code

/**
 * @param {import("../../lib/cases.mjs").Cases} cases
 * @param {{ programs: { curl: string, go: string }, ourServer: string, keyPair: (name: string) => string[], authority:
 * string, ca: Buffer }} site
 */
export async function tlsPeers(cases, site) {
  await curlAndOurServer(cases, site);
  await clientCertificatesAtOurServer(cases, site);
  await goServerAndOurClient(cases, site);
}

async function curlAndOurServer(cases, { programs, ourServer, keyPair, authority }) {
  await withServer(startServer(process.execPath, [ourServer, ...keyPair("server")]), async ({ line }) => {
    const curl = (...args) =>
      runToEnd(programs.curl, [
        "--silent",
        "--cacert",
        authority,
        "--write-out",
        "%{http_version}",
        ...args,
        `https://127.0.0.1:${line}/`,
      ]);
    for (const version of ["1.2", "1.3"]) {
      await cases.run(`curl with TLS ${version} is served`, async () => {
        const result = await curl(`--tlsv${version}`, "--tls-max", version);
        expect(result.code === 0 && result.stdout.toString() === "hello\n2", excerpt(result));
      });
    }
    const refused = [
      ["that offers only HTTP/1.1", ["--http1.1"]],
      ["with TLS 1.1", ["--tlsv1.1", "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"]],
      ["with a suite that HTTP/2 forbids", ["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-SHA256"]],
    ];
    for (const [what, args] of refused) {
      await cases.run(`curl ${what} is refused in the handshake`, async () => {
        const result = await curl(...args);
        expect(result.code === handshakeFailed, excerpt(result));
      });
    }
  });
}

async function clientCertificatesAtOurServer(cases, { programs, ourServer, keyPair, authority }) {
  const server = startServer(process.execPath, [ourServer, ...keyPair("server"), ...keyPair("renewed"), authority]);
  await withServer(server, async ({ line }) => {
    const url = `https://127.0.0.1:${line}`;
    const curl = (...args) => runToEnd(programs.curl, ["--silent", "--cacert", authority, ...args, `${url}/`]);
    const go = (...own) => runToEnd(programs.go, ["client", "trailers", url, authority, ...own]);
    await cases.run("curl and Go with a client certificate are served", async () => {
      const [certificate, key] = keyPair("client");
      const results = [await curl("--cert", certificate, "--key", key), await go(certificate, key)];
      for (const result of results) expect(result.code === 0, excerpt(result));
    });
    await cases.run("curl and Go without one are not, and Go hears INADEQUATE_SECURITY", async () => {
      expect((await curl()).code !== 0, "curl was served");
      const result = await go();
      expect(result.code !== 0 && result.stderr.includes("INADEQUATE_SECURITY"), excerpt(result));
    });
    await cases.run(
      "curl and Go with a certificate that has expired are not, and Go hears INADEQUATE_SECURITY",
      async () => {
        const [certificate, key] = keyPair("client-expired");
        expect((await curl("--cert", certificate, "--key", key)).code !== 0, "curl was served");
        const result = await go(certificate, key);
        expect(result.code !== 0 && result.stderr.includes("INADEQUATE_SECURITY"), excerpt(result));
      },
    );
  });
}

/** Go resets the connection behind its alert, and the reset may come first: then the client can only guess. */
async function saying(fail, reason) {
  const guess = "it may not accept our certificate";
  const said = [];
  for (let tries = 0; tries < 20; tries++) {
    said.unshift(await fail());
    if (said[0].includes(reason)) return;
    expect(said[0].includes(guess), said[0]);
  }
  throw new Error(`in ${said.length} tries it never said so, but ${said[0]}`);
}

async function goServerAndOurClient(cases, { programs, keyPair, authority, ca }) {
  const failure = async (line, own) => {
    const tls = own === undefined ? {} : { cert: readFileSync(keyPair(own)[0]), key: readFileSync(keyPair(own)[1]) };
    const site = { url: `https://127.0.0.1:${line}`, ca, ...tls };
    try {
      await withOurClient(site, (client) => client.ask("/"));
      return "";
    } catch (error) {
      return error.message;
    }
  };
  await withServer(startServer(programs.go, ["server", ...keyPair("server"), authority]), async ({ line }) => {
    await cases.run("our client shows Go its certificate", async () =>
      expect((await failure(line, "client")) === "", await failure(line, "client")),
    );
    await cases.run("our client says that Go wants a certificate", () =>
      saying(() => failure(line), "the peer requires a client certificate"),
    );
    await cases.run("our client says that Go does not accept its certificate", () =>
      saying(() => failure(line, "stranger"), "the peer does not accept our certificate"),
    );
  });
  await withServer(startServer(programs.go, ["server", ...keyPair("expired")]), ({ line }) =>
    cases.run("our client says that Go's certificate has expired", async () => {
      const said = await failure(line);
      expect(said.endsWith("the server's certificate has expired"), said);
    }),
  );
  await withServer(startServer(programs.go, ["server", ...keyPair("server"), "", "TLSv1.1"]), ({ line }) =>
    cases.run("our client says that Go speaks only TLS 1.1", async () => {
      const said = await failure(line);
      expect(said.endsWith("the server speaks no version of TLS that this side does"), said);
    }),
  );
}
