import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { disposeLabs, MixedLab } from "../support/lab.js";
import { publishCommand } from "../support/process-run.js";

beforeAll(publishCommand, 120_000);
afterAll(disposeLabs);

/** Answers a DNS query for an address with 192.0.2.53, as a name server does. */
function dnsAnswer(query: Buffer): Buffer {
  const questionEnd = query.indexOf(0, 12) + 5;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2); // a response without an error
  header.writeUInt16BE(1, 6); // one answer
  header.fill(0, 8, 12);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 53]);
  return Buffer.concat([header, query.subarray(12, questionEnd), record]);
}

describe.concurrent("UDP through processes", () => {
  test("answers a DNS query, and goes on when the router was restarted", async () => {
    await using lab = new MixedLab("router");
    const server = createSocket("udp4");
    server.on("message", (query, { port, address }) => server.send(dnsAnswer(query), port, address));
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const { router, endpoint } = await lab.router();
    const expose = await lab.expose("dns", `udp:${server.address().port}`);
    const connect = lab.start("connect", "dns", "--listen", "udp:0", "--grace", "0");
    const resolver = new Resolver({ timeout: 2_000, tries: 30 });
    resolver.setServers([`127.0.0.1:${(await connect.event("listening"))["port"]}`]);
    expect(await resolver.resolve4("board.example.org")).toEqual(["192.0.2.53"]);
    await router.end("SIGKILL");
    await expose.event("router-lost");
    const again = lab.start("router", "--listen", endpoint, "--grace", "0");
    await again.event("listening");
    expect(await resolver.resolve4("another.example.org")).toEqual(["192.0.2.53"]);
    for (const run of [connect, expose, again]) expect(await run.end("SIGTERM")).toBe(0);
    server.close();
  });
});
