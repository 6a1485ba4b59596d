/**
 * The length of a Unix socket's path. A system cuts a path that is too long, so that another socket answers
 * (nodejs/node#48316).
 */
import { Buffer } from "node:buffer";

/**
 * The longest path of a Unix socket in bytes: `sun_path` less its final zero, which is 107 on Linux and 103 on macOS
 * and the BSDs. Named pipes of Windows have no such limit here.
 */
export const maxSocketPathBytes: number =
  process.platform === "linux" ? 107 : process.platform === "win32" ? Number.POSITIVE_INFINITY : 103;

/** A path that cannot be the address of a Unix socket on this system. */
export class SocketPathError extends RangeError {
  override name = "SocketPathError";
  readonly code = "SOCKET_PATH_TOO_LONG";
}

/**
 * Returns `path` if the system takes it as the address of a Unix socket. An abstract name counts without its leading
 * zero.
 * @throws SocketPathError that names the path, its length and the limit
 */
export function checkSocketPath(path: string): string {
  const shown = path.startsWith("\0") ? path.slice(1) : path;
  const bytes = Buffer.byteLength(shown);
  if (bytes <= maxSocketPathBytes) return path;
  const limit = `which is more than this system takes (${maxSocketPathBytes})`;
  throw new SocketPathError(`the path ${JSON.stringify(shown)} of a Unix socket has ${bytes} bytes, ${limit}`);
}
