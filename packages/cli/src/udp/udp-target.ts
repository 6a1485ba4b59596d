/** The target of a flow: one UDP socket that sends to the target and takes only what comes from there. */
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import type { TcpAddress } from "@trunkline/base";
import { type Clock, printAddress } from "@trunkline/base";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { type DatagramMemory, FlowStream } from "./flow-stream.js";

/** Options of the flows to one target. */
export interface UdpTargetOptions {
  readonly memory: DatagramMemory;
  readonly clock: Clock;
  readonly idleMs: number;
}

/**
 * Opens a flow to a target. A target that does not listen, of which ICMP tells, is no error: it may listen later, and
 * the datagrams until then count as dropped.
 * @throws CommandError where the name of the target cannot be looked up or no socket can be made
 */
export async function openUdpTarget(target: TcpAddress, options: UdpTargetOptions): Promise<FlowStream> {
  let socket: Socket | undefined;
  try {
    const { address, family } = await lookup(target.host);
    socket = createSocket(family === 6 ? "udp6" : "udp4");
    await connected(socket, address, target.port);
  } catch (error) {
    socket?.close();
    const message = `cannot reach the target udp:${printAddress(target)}: ${reasonOf(error)}`;
    throw new CommandError(message, ExitCode.targetUnavailable, { cause: error });
  }
  const bound = socket;
  const flow = new FlowStream({
    ...options,
    emit: (datagram) => new Promise((resolve, reject) => bound.send(datagram, settle(resolve, reject))),
    onOver: () => bound.close(),
  });
  bound.on("message", (datagram) => flow.deliver(datagram));
  bound.on("error", () => flow.lost());
  return flow;
}

function connected(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.connect(port, address, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

/** Returns the callback of a send that settles a promise. */
export function settle(resolve: () => void, reject: (error: Error) => void): (error: Error | null) => void {
  return (error) => (error === null || error === undefined ? resolve() : reject(error));
}
