/** Binding servers to TCP and Unix sockets: the only place of trunkline that listens. */
import { lstat, unlink } from "node:fs/promises";
import type net from "node:net";
import { dirname } from "node:path";
import { printAddress, type SocketAddress } from "../address.js";
import { wholeNumber } from "../whole-number.js";
import { dialSocket } from "./dial.js";
import { checkSocketPath } from "./socket-path.js";
import { TransportError } from "./transport-error.js";

/** An address that cannot be listened on. */
export class ListenError extends Error {
  override name = "ListenError";
  /**
   * The system's code, such as `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`; `ENOENT` where the folder of a Unix socket is
   * missing.
   */
  readonly code: string;
  /** The message without the address. */
  readonly reason: string;

  constructor(address: SocketAddress, reason: string, code: string, cause: Error) {
    super(`cannot listen on ${printAddress(address)}: ${reason}`, { cause });
    this.code = code;
    this.reason = reason;
  }
}

/**
 * Lets `server` listen on `address`. The file of a Unix socket that nothing listens on any more is replaced; the system
 * removes the file when the server closes.
 * @returns the bound address, with the port that the system has chosen where it was 0
 * @throws ListenError with the system's code
 * @throws SocketPathError for a Unix socket's path that is too long, RangeError for a port out of its range
 */
export async function listenOn(server: net.Server, address: SocketAddress): Promise<SocketAddress> {
  if ("path" in address) checkSocketPath(address.path);
  else wholeNumber("port", address.port, 0, 65_535);
  try {
    await bind(server, address);
  } catch (error) {
    const failure = error as Error & { code?: string };
    if (!("path" in address) || address.path.startsWith("\0")) throw listenError(address, failure);
    if (failure.code !== "EADDRINUSE") throw await withoutFolder(address.path, failure);
    await removeStaleSocket(address.path, failure);
    await bind(server, address).catch((again: Error) => Promise.reject(listenError(address, again)));
  }
  const bound = server.address();
  return bound === null || typeof bound === "string" ? address : { host: bound.address, port: bound.port };
}

/**
 * The connections that the system keeps until the process accepts them; it allows 4,096 by itself on Linux. Node's 511
 * are not enough for a burst of connections: the system then drops some, and their clients are reset.
 */
export const backlog = 4_096;

function bind(server: net.Server, address: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(error);
    server.once("error", onError);
    server.listen({ ...address, backlog }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

function listenError(address: SocketAddress, failure: Error & { code?: string }): ListenError {
  return new ListenError(address, failure.message, failure.code ?? "LISTEN_FAILED", failure);
}

/** libuv reports a folder that is missing as EACCES, as on Windows. */
async function withoutFolder(path: string, failure: Error & { code?: string }): Promise<ListenError> {
  const folder = dirname(path);
  if (failure.code === "EACCES") {
    const missing = await lstat(folder).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === "ENOENT",
    );
    if (missing) return new ListenError({ path }, `there is no folder ${folder}`, "ENOENT", failure);
  }
  return listenError({ path }, failure);
}

/** The time in which a process that listens on a Unix socket accepts: a local one needs none. */
const probeTimeoutMs = 2_000;

/** The result of `probeSocket`. */
export type SocketState = "listening" | "abandoned" | "silent" | "no-socket";

/**
 * Looks whether a process listens on the Unix socket at `path`: `"abandoned"` is the file of a process that was killed,
 * `"silent"` is a socket that neither accepts nor refuses in two seconds, `"no-socket"` is another kind of file.
 * @throws the system's error when there is no file
 */
export async function probeSocket(path: string): Promise<SocketState> {
  if (!(await lstat(path)).isSocket()) return "no-socket"; // to connect to any other file is refused as well
  try {
    const socket = await dialSocket({ path }, { connectTimeoutMs: probeTimeoutMs });
    socket.destroy();
    return "listening";
  } catch (error) {
    return TransportError.is(error) && error.code === "CONNECTION_REFUSED" ? "abandoned" : "silent";
  }
}

const occupied: Readonly<Record<Exclude<SocketState, "abandoned">, string>> = {
  listening: "another process listens on it",
  silent: "a socket is there that does not answer",
  "no-socket": "a file that is no socket is there",
};

async function removeStaleSocket(path: string, failure: Error): Promise<void> {
  const state = await probeSocket(path);
  if (state !== "abandoned") throw new ListenError({ path }, occupied[state], "EADDRINUSE", failure);
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw new ListenError({ path }, error.message, error.code ?? "LISTEN_FAILED", error);
  });
}
