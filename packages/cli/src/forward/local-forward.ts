/** One local address whose connections, or flows of datagrams, go to a name at the router. */
import { systemClock } from "@trunkline/base/node";
import type { ObjectStream } from "@trunkline/streams";
import { type Connections, maxConnections } from "../connections.js";
import { dialPatiently } from "../dialling.js";
import type { Output } from "../output.js";
import type { RouterAccess } from "../router-access.js";
import { listenOn, peerOf } from "../sockets.js";
import { type ListenAddress, printTarget } from "../target.js";
import { udpMetadata } from "../udp/agreement.js";
import { type DatagramMemory, datagramsOver } from "../udp/flow-stream.js";
import { UdpListener } from "../udp/udp-listener.js";
import type { LocalForward } from "./forward-grammar.js";

/** The parts that all forwards of a command share. */
export interface ForwardParts {
  readonly access: RouterAccess;
  readonly connections: Connections;
  readonly output: Output;
  /** Aborts when the command is to end. */
  readonly signal: AbortSignal;
  /** The time for which a connection waits for its name. */
  readonly waitMs: number;
  /** The time without a datagram after which a flow ends. */
  readonly udpIdleMs: number;
  readonly memory: DatagramMemory;
}

/** A forward whose address is bound. */
export interface OpenForward {
  /** The bound address; of a reverse forward, that at the exposer. */
  readonly address: ListenAddress;
  /** The reason for which it takes no connections for now, where it knows one. */
  readonly problem?: string | undefined;
  /** Takes no more connections; those that are open go on. Idempotent. */
  close(): Promise<void>;
}

/** Binds the address of a forward. @throws CommandError where that cannot be done */
export function openLocalForward(forward: LocalForward, parts: ForwardParts): Promise<OpenForward> {
  const { listen } = forward;
  return "udp" in listen ? openUdp(forward.name, listen.udp, parts) : openStreams(forward.name, listen, parts);
}

async function openStreams(
  name: string,
  address: Exclude<ListenAddress, { readonly udp: unknown }>,
  parts: ForwardParts,
): Promise<OpenForward> {
  const { access, connections, output, waitMs } = parts;
  const listener = await listenOn(address, (error) => {
    if ((error as { code?: unknown }).code === "TOO_MANY_PENDING") connections.refused(error.message, { name });
    else tellTrouble(output, listener.address, error);
  });
  const accept = async (): Promise<void> => {
    for await (const socket of listener)
      connections.carry(socket, { name, peer: peerOf(socket) }, (signal) =>
        dialPatiently(name, access, { waitMs, signal, onResumption: connections.onResumption }),
      );
  };
  accept().catch((error: unknown) => tellTrouble(output, listener.address, error as Error));
  return listener;
}

async function openUdp(
  name: string,
  address: Parameters<typeof UdpListener.bind>[0],
  parts: ForwardParts,
): Promise<OpenForward> {
  const { access, connections, output, waitMs, udpIdleMs, memory } = parts;
  const listener = await UdpListener.bind(address, {
    memory,
    clock: systemClock,
    idleMs: udpIdleMs,
    maxFlows: maxConnections,
    onFlow: (flow, peer) =>
      connections.carry(flow, { name, peer }, async (signal): Promise<ObjectStream<Uint8Array>> => {
        const options = { waitMs, signal, metadata: udpMetadata, resume: false };
        return datagramsOver(await dialPatiently(name, access, options));
      }),
    onRefused: (reason) => connections.refused(reason, { name }),
    onError: (error) => tellTrouble(output, { udp: listener.address }, error),
  });
  return { address: { udp: listener.address }, close: () => listener.close() };
}

function tellTrouble(output: Output, address: ListenAddress, error: Error): void {
  const text = `trouble at ${printTarget(address)}: ${error.message}`;
  output.note("error", { event: "listen-error", error: error.message }, text, { repeated: true });
}
