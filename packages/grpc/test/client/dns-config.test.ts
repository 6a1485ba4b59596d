/** Service configs in DNS (gRFC A2), asked of a name server on loopback. */
import { createSocket, type Socket } from "node:dgram";
import dns from "node:dns";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "#platform";
import { configFromRecords } from "../../src/client/dns-config.js";
import { dnsResolverWithConfig } from "../../src/client/resolver.js";
import { Channel, type ChannelOptions, createClient, Server } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { settle } from "../support.js";

const open: (Channel | Server)[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const each of open.splice(0)) await each.close({ closeTimeoutMs: 0 });
});

describe("a service config in DNS", () => {
  const client = { hostname: "here", percentile: 40 };
  const record = (choices: unknown): string[][] => [["other=1"], ["grpc_con", `fig=${JSON.stringify(choices)}`]];
  const config = (name: string) => ({ loadBalancingPolicy: name });

  it.each<[string, unknown[], string | undefined]>([
    ["the first", [{ serviceConfig: config("a") }, { serviceConfig: config("b") }], "a"],
    [
      "one for the language",
      [
        { clientLanguage: ["go"], serviceConfig: config("a") },
        { clientLanguage: ["NODE"], serviceConfig: config("b") },
      ],
      "b",
    ],
    [
      "one for the host",
      [
        { clientHostname: ["there"], serviceConfig: config("a") },
        { clientHostname: ["here"], serviceConfig: config("b") },
      ],
      "b",
    ],
    [
      "one for the share",
      [
        { percentage: 40, serviceConfig: config("a") },
        { percentage: 41, serviceConfig: config("b") },
      ],
      "b",
    ],
    ["none where none is for the client", [{ percentage: 0, serviceConfig: config("a") }], undefined],
  ])("takes %s", (_, choices, name) => {
    const found = configFromRecords(record(choices), client) as { loadBalancingPolicy: string } | undefined;
    expect(found?.loadBalancingPolicy).toBe(name);
  });

  it("is none without a record of its name", () => {
    expect(configFromRecords([["v=spf1"], []], client)).toBeUndefined();
  });

  it.each<[string[][], string]>([
    [[["grpc_config={"]], "is no JSON list"],
    [[["grpc_config={}"]], "is no JSON list"],
    [record([7]), "[0] is no object"],
    [record([{ serviceConfig: {}, more: 1 }]), '[0] has the unknown field "more"'],
    [record([{ serviceConfig: [] }]), "[0].serviceConfig is no object"],
    [record([{ serviceConfig: {}, percentage: 101 }]), "[0].percentage must be a whole number from 0 to 100, not 101"],
    [record([{ serviceConfig: {}, clientLanguage: "go" }]), "[0].clientLanguage must be a list of texts"],
    [[[`grpc_config=${"x".repeat(70_000)}`]], "has 70012 characters, more than 65535"],
  ])("that is wrong is refused by name (%#)", (records, message) => {
    expect(() => configFromRecords(records, client)).toThrow(message);
  });

  describe("asked of a name server", () => {
    let nameServer: Socket;
    let servers: string[];
    let asked: string[];

    beforeEach(async () => {
      asked = [];
      nameServer = createSocket("udp4");
      nameServer.bind(0, "127.0.0.1");
      await once(nameServer, "listening");
      servers = dns.getServers();
      dns.setServers([`127.0.0.1:${(nameServer.address() as AddressInfo).port}`]);
    });

    afterEach(() => {
      dns.setServers(servers);
      nameServer.close();
    });

    /** Answers the one question of a message with a TXT record, or that there is no such name. */
    const answerWith = (text: string | undefined): void => {
      nameServer.on("message", (query, { port }) => {
        let end = 12;
        const labels: string[] = [];
        while (query[end] !== 0) {
          const length = query[end] as number;
          labels.push(query.toString("latin1", end + 1, end + 1 + length));
          end += length + 1;
        }
        asked.push(labels.join("."));
        const question = query.subarray(12, end + 5);
        const parts = (text?.match(/.{1,200}/gs) ?? []).map((each) =>
          Buffer.from(`${String.fromCharCode(each.length)}${each}`, "latin1"),
        );
        const data = Buffer.concat(parts);
        const code = text === undefined ? 0x83 : 0x80;
        const head = Buffer.from([0, 0, 0x81, code, 0, 1, 0, parts.length > 0 ? 1 : 0, 0, 0, 0, 0]);
        query.copy(head, 0, 0, 2);
        const record = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, data.length >> 8, data.length & 255]);
        nameServer.send(
          Buffer.concat(parts.length > 0 ? [head, question, record, data] : [head, question]),
          port,
          "127.0.0.1",
        );
      });
    };

    /** A server, and a channel to it by name that asks for a config. */
    const dial = async (options: ChannelOptions = {}): Promise<Channel> => {
      const server = new Server().add(Echo, { say: (_, call) => ({ text: String(call.deadline !== undefined) }) });
      open.push(server);
      const { port } = new URL(`http://${await server.listen("127.0.0.1:0")}`);
      // Of "localhost", no name server is asked for TXT records (RFC 6761); of an address, it is.
      const resolvers = { test: dnsResolverWithConfig(options.clock ?? systemClock) };
      const channel = new Channel(`test:///127.0.0.1:${port}`, { plaintext: true, resolvers, ...options });
      open.unshift(channel);
      return channel;
    };

    it("is found below the name of the host", async () => {
      const serviceConfig = { methodConfig: [{ name: [{}], timeout: "100s" }], loadBalancingPolicy: "round_robin" };
      answerWith(`grpc_config=${JSON.stringify([{ clientLanguage: ["node", "a".repeat(250)], serviceConfig }])}`);
      expect((await createClient(Echo, await dial()).say({})).text).toBe("true");
      expect(asked).toEqual(["_grpc_config.127.0.0.1"]);
    });

    it("is none where the name does not exist", async () => {
      answerWith(undefined);
      expect((await createClient(Echo, await dial()).say({})).text).toBe("false");
    });

    it("holds no connection up for longer than five seconds", async () => {
      const clock = new VirtualClock();
      const channel = await dial({ clock });
      const connected = channel.connect();
      await settle();
      expect(channel.state).toBe("CONNECTING");
      clock.advance(5_000);
      await connected;
    });
  });

  it("is asked for where the channel says so, and only there", async () => {
    const records = [
      [`grpc_config=${JSON.stringify([{ serviceConfig: { methodConfig: [{ name: [{}], timeout: "9s" }] } }])}`],
    ];
    const names: string[] = [];
    vi.spyOn(dns, "resolveTxt").mockImplementation((name, done) => {
      names.push(name);
      done(null, records);
    });
    const server = new Server().add(Echo, { say: (_, call) => ({ text: String(call.deadline !== undefined) }) });
    open.push(server);
    const { port } = new URL(`http://${await server.listen("localhost:0")}`);
    for (const serviceConfigFromDns of [false, true]) {
      const channel = new Channel(`dns:///localhost:${port}`, { serviceConfigFromDns });
      open.unshift(channel);
      expect((await createClient(Echo, channel).say({})).text).toBe(String(serviceConfigFromDns));
    }
    expect(names).toEqual(["_grpc_config.localhost"]);
  });
});
