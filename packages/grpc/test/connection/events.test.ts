import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Channel, type ConnectionEvent, connectionEventsChannel, createClient, Server } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, rejection, until } from "../support.js";

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/localhost.${name}.pem`, import.meta.url), "utf8");

const events: ConnectionEvent[] = [];
const listen = (event: unknown): void => void events.push(event as ConnectionEvent);
const told = (role: ConnectionEvent["role"]): string[] =>
  events.filter((one) => one.role === role).map(({ event }) => event);

beforeEach(() => {
  events.length = 0;
  subscribe(connectionEventsChannel, listen);
});
afterEach(() => void unsubscribe(connectionEventsChannel, listen));

describe("the diagnostics channel of connections", () => {
  it("tells of connections from the first attempt to their end, at both sides", async () => {
    const server = new Server().add(Echo, echo);
    const address = await server.listen("127.0.0.1:0");
    await using channel = new Channel(address);
    await createClient(Echo, channel).say({});
    await server.close();
    await until(() => told("client").includes("closed") && told("server").includes("closed"), "both ends");
    expect(told("client")).toEqual(["connecting", "ready", "goaway", "closed"]);
    expect(told("server")).toEqual(["ready", "closed"]);
    const [connecting, ready] = events.filter(({ role }) => role === "client");
    expect([connecting?.peer, ready?.peer]).toEqual([address, address]);
    expect(events.map(({ cause }) => cause)).toEqual(events.map(() => undefined));
  });

  it("tells the cause of an attempt that fails, once for all that wait for it", async () => {
    await using channel = new Channel("unix:/nowhere/at/all.sock");
    const client = createClient(Echo, channel);
    await Promise.all([rejection(client.say({})), rejection(client.say({}))]);
    expect(events).toMatchObject([
      { role: "client", event: "connecting", peer: "unix:/nowhere/at/all.sock" },
      { role: "client", event: "failed", peer: "unix:/nowhere/at/all.sock", cause: { message: /ENOENT/ } },
    ]);
  });

  it("tells a server's reason for refusing a handshake", async () => {
    await using server = new Server().add(Echo, echo);
    const address = await server.listen("127.0.0.1:0", { tls: { cert: fixture("cert"), key: fixture("key") } });
    const socket = connect(Number(address.split(":")[1]), "127.0.0.1").on("error", () => {});
    socket.end("this is no handshake");
    await until(() => told("server").length > 0, "the refusal");
    expect(events.find(({ role }) => role === "server")).toMatchObject({ event: "failed", peer: undefined });
    expect(events.find(({ role }) => role === "server")?.cause).toBeInstanceOf(Error);
  });

  it("names the channel as the page does", () => {
    expect(connectionEventsChannel).toBe("trunkline.grpc.connection");
  });
});
