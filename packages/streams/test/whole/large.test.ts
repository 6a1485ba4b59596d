/**
 * One item of 64 MiB over each kind of carrier, with the suite's own test for it; in the quick suite over TCP, whose
 * stream cuts and joins it most.
 */
import { describe, test } from "vitest";
import { isLarge } from "../../../base/test/support/sizes.js";
import { memoryPair } from "../../src/index.js";
import { connectTcp, connectTls, listenTcp, listenTls, streamFromDuplex, toDuplex } from "../../src/node/index.js";
import { type ComplianceOptions, complianceTests } from "../../src/testing/index.js";
import { streamFromWeb, streamFromWebSocket, toWeb } from "../../src/web/index.js";
import { cert, key } from "../node/tls-identity.js";
import { turns } from "../support/turns.js";
import { webSocketPair } from "../web/web-sockets.js";

const carriers: Record<string, ComplianceOptions["connect"]> = {
  "a memory pair as duplexes": (clock) => {
    const [first, second] = memoryPair<Uint8Array>({ clock });
    return { first: streamFromDuplex(toDuplex(first), { clock }), second };
  },
  "a memory pair as web streams": (clock) => {
    const [first, second] = memoryPair<Uint8Array>({ clock });
    return { first: streamFromWeb(toWeb(first), { clock }), second };
  },
  TCP: async (clock) => {
    await using listener = await listenTcp({ clock });
    const accepting = listener.accept();
    const first = await connectTcp(listener.address as { host: string; port: number }, { clock });
    return { first, second: (await accepting) ?? first };
  },
  TLS: async (clock) => {
    await using listener = await listenTls({ clock, tls: { key, cert } });
    const accepting = listener.accept();
    const first = await connectTls(listener.address as { host: string; port: number }, { clock, tls: { ca: cert } });
    return { first, second: (await accepting) ?? first };
  },
  "a WebSocket": async (clock) => {
    const { client, server, release } = await webSocketPair("ws");
    return {
      first: streamFromWebSocket(client, { clock, inBand: true }),
      second: streamFromWebSocket(server, { clock, inBand: true }),
      release,
    };
  },
};

describe.each(Object.entries(carriers).filter(([name]) => isLarge || name === "TCP"))("%s", (_, connect) => {
  const options = { connect, keepsBoundaries: false, maxItemBytes: 64 * 1024 * 1024, settle: () => turns(5) };
  const large = complianceTests(options).filter(
    ({ title }) => title === "items of one byte to many megabytes arrive whole (first to second)",
  );
  test.each(large)("carries items of up to 64 MiB", ({ run }) => run());
});
