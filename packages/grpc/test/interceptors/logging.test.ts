import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { createClient, GrpcError, type ServerCall, Status } from "../../src/index.js";
import { type CallLogEntry, logging } from "../../src/interceptors/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection, until } from "../support.js";

describe("logging", () => {
  it("gives a line a call to a function, on both sides, without metadata", async () => {
    const clock = new VirtualClock();
    const lines: CallLogEntry[] = [];
    const interceptors = [logging((entry) => lines.push(entry))];
    const implementation = {
      ...echo,
      say: () => {
        clock.advance(25);
        return {};
      },
    };
    await using served = channelFor([[Echo, implementation]], {
      channel: { clock, interceptors },
      server: { clock, interceptors },
    });
    const client = createClient(Echo, served.channel);
    await client.say({}, { metadata: { secret: "s3cret" } });
    await until(() => lines.length === 2, "both lines");
    const common = {
      path: "/trunkline.test.v1.Echo/Say",
      peer: "transport",
      code: "OK",
      message: undefined,
      durationMs: 25,
      requestMessages: 1,
      responseMessages: 1,
    };
    expect(lines.sort((a, b) => a.role.localeCompare(b.role))).toEqual([
      { role: "client", ...common },
      { role: "server", ...common },
    ]);
    expect(JSON.stringify(lines)).not.toContain("s3cret");
    lines.length = 0;
    await collect(client.chat([{}, {}, {}]));
    await until(() => lines.length === 2, "both lines");
    for (const line of lines) expect(line).toMatchObject({ requestMessages: 3, responseMessages: 3 });
  });

  it("gives the values of those keys that were named", async () => {
    const lines: CallLogEntry[] = [];
    const interceptors = [logging((entry) => lines.push(entry), { metadata: ["Trace-Id", "raw-bin", "absent"] })];
    await using served = channelFor([[Echo, echo]], { channel: { interceptors } });
    await createClient(Echo, served.channel).say(
      {},
      { metadata: { "trace-id": ["a", "b"], "raw-bin": Uint8Array.of(1), other: "x" } },
    );
    expect(lines[0]?.metadata).toEqual({ "trace-id": ["a", "b"], "raw-bin": ["AQ"], absent: [] });
  });

  it("tells a logger by the status how bad it is", async () => {
    const lines: [level: string, entry: CallLogEntry, message: string][] = [];
    const logger = {
      info: (entry: CallLogEntry, message: string) => lines.push(["info", entry, message]),
      warn: (entry: CallLogEntry, message: string) => lines.push(["warn", entry, message]),
      error: (entry: CallLogEntry, message: string) => lines.push(["error", entry, message]),
    };
    const bug = new Error("a bug");
    const implementation = {
      say(request: { text: string }, _call: ServerCall<{}, {}>) {
        if (request.text === "missing") throw new GrpcError(Status.NOT_FOUND, "no such thing");
        if (request.text === "bug") throw bug;
        return {};
      },
    };
    await using served = channelFor([[Echo, implementation]], {
      server: { interceptors: [logging(logger)], onError() {} },
    });
    const client = createClient(Echo, served.channel);
    await client.say({});
    await rejection(client.say({ text: "missing" }));
    await rejection(client.say({ text: "bug" }));
    await until(() => lines.length === 3, "all lines");
    expect(lines.map(([level, { code }]) => [level, code])).toEqual([
      ["info", "OK"],
      ["warn", "NOT_FOUND"],
      ["error", "UNKNOWN"],
    ]);
    expect(lines[1]?.[2]).toMatch(/^served \/trunkline\.test\.v1\.Echo\/Say: NOT_FOUND after \d+ ms$/);
    expect(lines[1]?.[1].message).toBe("no such thing");
    expect(lines[2]?.[1].error?.cause).toBe(bug);
  });

  it("knows no peer of a call that got no connection", async () => {
    const lines: CallLogEntry[] = [];
    const served = channelFor([[Echo, echo]]);
    await served.close();
    await rejection(
      createClient(Echo, served.channel, { interceptors: [logging((entry) => lines.push(entry))] }).say({}),
    );
    expect(lines[0]).toMatchObject({ peer: undefined, code: "UNAVAILABLE", requestMessages: 1, responseMessages: 0 });
  });
});
