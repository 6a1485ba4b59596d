/** Calls of a program whose timers a test framework has replaced by ones that stand still (nock#2200). */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Channel, createClient, Deadline, Server, Status } from "../../src/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection } from "../support.js";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it("calls over a socket and in memory end, and so does closing", async () => {
  const server = new Server().add(Echo, echo);
  const channel = new Channel(await server.listen("127.0.0.1:0"));
  const served = channelFor([[Echo, echo]]);
  for (const client of [createClient(Echo, channel), createClient(Echo, served.channel)]) {
    expect((await client.say({ text: "you" })).text).toBe("you");
    expect(await collect(client.expand({ count: 3 }))).toHaveLength(3);
  }
  await served.close();
  await channel.close();
  await server.close();
});

it("deadlines pass, and refused calls fail", async () => {
  const served = channelFor([[Echo, { say: (): Promise<{}> => new Promise(() => {}) }]]);
  const client = createClient(Echo, served.channel);
  expect((await rejection(client.say({}, { deadline: Deadline.after(20) }))).status).toBe(Status.DEADLINE_EXCEEDED);
  await served.close();
  expect((await rejection(client.say({}))).status).toBe(Status.UNAVAILABLE);
});
