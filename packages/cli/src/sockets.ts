/** Connecting to and listening on the addresses of the command line, with errors for people. */
import { once } from "node:events";
import { connect } from "node:net";
import { type AbortSignalLike, type ObjectStream, remoteAddress, type SocketAddress } from "@trunkline/streams";
import { connectTcp, connectUnix, listenTcp, listenUnix, type SocketListener } from "@trunkline/streams/node";
import { CommandError, reasonOf } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";
import { type Address, printAddress } from "./target.js";

/** How long the target may take to answer, as long as for the connections that come later. */
const probeMs = 10_000;

/** @throws CommandError naming the address: `cannot reach the target localhost:3000: connection refused` */
export async function reachTarget(target: Address, signal: AbortSignalLike): Promise<ObjectStream<Uint8Array>> {
  try {
    return await ("path" in target ? connectUnix(target.path, { signal }) : connectTcp(target, { signal }));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const message = `cannot reach the target ${printAddress(target)}: ${reasonOf(error)}`;
    throw new CommandError(message, ExitCode.targetUnavailable, { cause: error });
  }
}

/**
 * Resolves when somebody listens at the target. Nothing is sent or read, and the connection ends in order, since a reset would be an
 * error over there.
 * @throws CommandError
 */
export async function checkTarget(target: Address, signal: AbortSignal): Promise<void> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(probeMs)]);
  const socket = "path" in target ? connect(target.path) : connect(target);
  try {
    await once(socket, "connect", { signal: limited });
  } catch (error) {
    signal.throwIfAborted();
    const message = `cannot reach the target ${printAddress(target)}: ${limited.aborted ? "no answer in time" : reasonOf(error)}`;
    throw new CommandError(message, ExitCode.targetUnavailable, { cause: error });
  } finally {
    socket.on("error", () => {}).destroy();
  }
}

/** @throws CommandError naming the address: `cannot listen on 127.0.0.1:80: permission denied` */
export async function listenOn(address: Address, onError: (error: Error) => void): Promise<SocketListener> {
  try {
    return await ("path" in address ? listenUnix(address.path, { onError }) : listenTcp({ ...address, onError }));
  } catch (error) {
    throw cannotListen(address, error);
  }
}

export function cannotListen(address: Address, error: unknown): CommandError {
  return new CommandError(`cannot listen on ${printAddress(address)}: ${reasonOf(error)}`, ExitCode.cannotCreate, {
    cause: error,
  });
}

/** Where the other end of a socket is. */
export function peerOf(stream: ObjectStream<Uint8Array>): string {
  const address: SocketAddress | undefined = stream.extra(remoteAddress);
  return address === undefined || ("path" in address && address.path === "") ? "a local socket" : printAddress(address);
}
