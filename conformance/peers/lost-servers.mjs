/**
 * Servers that stop (SIGSTOP: the system still acknowledges what is sent to them) or die in the middle of a call of
 * ours.
 */
import assert from "node:assert/strict";
import { Channel, createClient, Deadline, GrpcError, Status, statusName } from "@trunkline/grpc";
import { startServer, withServer } from "../lib/child.mjs";
import { Peer } from "./gen/peer_pb.js";

const caseTimeoutMs = 20_000;

/** Calls that wait for something of the server, each after the server has said that it has begun. */
const calls = {
  "a unary call": (peer, options) => peer.unary.open(options),
  "a server stream": (peer, options) => peer.serverStream.open(options),
  "both streams": (peer, options) => peer.bidi.open(options),
};

const losses = [
  {
    title: "stopped: a deadline ends $call with DEADLINE_EXCEEDED",
    signal: "SIGSTOP",
    status: Status.DEADLINE_EXCEEDED,
    channel: {},
    options: () => ({ deadline: Deadline.after(1_000) }),
  },
  {
    title: "stopped: keepalive ends $call with UNAVAILABLE",
    signal: "SIGSTOP",
    status: Status.UNAVAILABLE,
    channel: { keepaliveIntervalMs: 300, keepaliveTimeoutMs: 300 },
    options: () => ({}),
  },
  {
    title: "killed: $call ends with UNAVAILABLE",
    signal: "SIGKILL",
    status: Status.UNAVAILABLE,
    channel: {},
    options: () => ({}),
  },
];

/**
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {import("./programs.mjs").Program} server
 */
export async function againstLostServers(cases, { name, program, args, env }) {
  for (const { title, signal, status, channel: channelOptions, options } of losses) {
    await withServer(startServer(program, [...args, "server"], { env }), async ({ line, pid }) => {
      const check = async () => {
        const channel = new Channel(`127.0.0.1:${line}`, channelOptions);
        const peer = createClient(Peer, channel);
        const begun = await Promise.all(
          Object.entries(calls).map(async ([what, open]) => {
            const call = open(peer, options());
            // A unary call's request is the server's before the signal comes; streams tell by their initial metadata or
            // first reply.
            await call.send({ hang: "lost", replies: 1 });
            if (what !== "a unary call") await call.receive();
            return [
              what,
              call.receive().then(
                () => undefined,
                (error) => error,
              ),
            ];
          }),
        );
        await peer.seen({}); // Behind the unary request: when this is answered, that has come.
        process.kill(pid, signal);
        for (const [what, ending] of begun) {
          const error = await ending;
          assert.ok(error instanceof GrpcError, `${what} ended with ${error}`);
          assert.equal(error.status, status, `${what} ended with ${statusName(error.status)}: ${error.message}`);
        }
        await channel.close({ closeTimeoutMs: 0 });
      };
      await cases.run(`${name} ${title.replace("$call", "every call")}`, check, caseTimeoutMs);
    });
  }
}
