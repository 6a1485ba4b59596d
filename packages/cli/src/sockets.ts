/** Connects to and listens on the addresses of the command line, with errors for people. */
import type { Socket } from "node:net";
import { isError } from "@trunkline/base";
import { dialSocket, ListenError, systemClock, TransportError } from "@trunkline/base/node";
import { type AbortSignalLike, type ObjectStream, remoteAddress, type SocketAddress } from "@trunkline/streams";
import { connectTcp, connectUnix, listenTcp, listenUnix, type SocketListener } from "@trunkline/streams/node";
import { CommandError, reasonOf, systemCode } from "./command-error.js";
import { maxConnections } from "./connections.js";
import { ExitCode } from "./exit-codes.js";
import { startProgram } from "./program.js";
import { printAddress, type StandardTarget, type Target, type UdpAddress } from "./target.js";

/**
 * Connects to the target. @throws CommandError that names the address:
 * `cannot reach the target localhost:3000: connection refused`
 */
export async function reachTarget(
  target: Exclude<Target, StandardTarget | UdpAddress>,
  signal: AbortSignalLike,
): Promise<ObjectStream<Uint8Array>> {
  if ("command" in target) return startProgram(target.command);
  try {
    return await ("path" in target ? connectUnix(target.path, { signal }) : connectTcp(target, { signal }));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw unreachable(target, error);
  }
}

/** The time that a target may take to answer, the same as for the connections that come later. */
const checkTimeoutMs = 10_000;

/** Resolves when a service accepts connections at the target, and ends that connection gently. @throws CommandError */
export async function checkTarget(target: Target, signal: AbortSignal): Promise<void> {
  // A program is started with each connection; standard input is there; UDP does not tell.
  if ("command" in target || "stdio" in target || "udp" in target) return;
  try {
    endGently(await dialSocket(target, { signal, connectTimeoutMs: checkTimeoutMs }));
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(target, error);
  }
}

/** The time for a local router to answer. */
const probeTimeoutMs = 2_000;

/** The result of a probe. `"silent"` says nothing about whether a process listens there. */
export type ProbeResult = "accepted" | "refused" | "silent";

/**
 * Looks whether a process accepts connections at an address of this machine. @throws the signal's reason when it aborts
 */
export async function probe(address: SocketAddress, signal: AbortSignal): Promise<ProbeResult> {
  try {
    endGently(await dialSocket(address, { signal, connectTimeoutMs: probeTimeoutMs }));
    return "accepted";
  } catch (error) {
    signal.throwIfAborted();
    const isRefused =
      TransportError.is(error) && (error.code === "CONNECTION_REFUSED" || error.systemCode === "ENOENT");
    return isRefused ? "refused" : "silent";
  }
}

/** The time in which a service may notice the end of a probe's connection and end its own half. */
const drainTimeoutMs = 10_000;

/**
 * Ends a connection without a request: half-closes it, then reads and drops what the service sends. A connection that
 * is closed with unread bytes is reset, and a service that speaks first, as MySQL does, counts that as an error of this
 * client (uptime-kuma#7692).
 */
export function endGently(socket: Socket): void {
  socket.on("error", () => {}).resume();
  socket.end();
  const cancel = systemClock.at(systemClock.nowMs() + drainTimeoutMs, () => socket.destroy(), "watch");
  socket.once("close", cancel);
}

function unreachable(target: SocketAddress, error: unknown): CommandError {
  const message = `cannot reach the target ${printAddress(target)}: ${reasonOf(error)}`;
  return new CommandError(message, ExitCode.targetUnavailable, { cause: error });
}

/**
 * Listens for connections; as many may wait to be accepted as may be open. `onError` is called with the troubles of the
 * listener.
 * @throws CommandError that names the address: `cannot listen on 127.0.0.1:80: permission denied`
 */
export async function listenOn(address: SocketAddress, onError: (error: Error) => void): Promise<SocketListener> {
  const options = { onError, maxPendingConnections: maxConnections };
  try {
    return await ("path" in address ? listenUnix(address.path, options) : listenTcp({ ...address, ...options }));
  } catch (error) {
    throw cannotListen(address, error);
  }
}

/** Returns the error for an address that cannot be listened on. */
export function cannotListen(address: SocketAddress, error: unknown): CommandError {
  // Of a Unix socket the listener knows more than the system's code says: the folder is missing, or what is there
  // instead.
  const reason = error instanceof ListenError && "path" in address ? error.reason : reasonOf(error);
  return new CommandError(`cannot listen on ${printAddress(address)}: ${reason}`, ExitCode.cannotCreate, {
    cause: isError(error) ? error : undefined,
    advice:
      systemCode(error) === "EADDRINUSE" && !("path" in address)
        ? "choose another port, or 0 for a free one"
        : undefined,
  });
}

/** Returns the address of the other end of a socket, for people. */
export function peerOf(stream: ObjectStream<Uint8Array>): string {
  const address = stream.extra(remoteAddress);
  return address === undefined || ("path" in address && address.path === "") ? "a local socket" : printAddress(address);
}
