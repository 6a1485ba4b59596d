/**
 * Resets of TCP connections. One function makes a reset, so that the other side sees an error; the other one recognises
 * a reset that looks like an end.
 */
import { readSync } from "node:fs";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/**
 * The handle that Node keeps below a socket, without a public way to it. Everything here is optional: where it is
 * missing, fewer resets are recognised.
 */
interface Handle {
  readonly fd?: number;
  reset?(callback: () => void): number;
  /** Fills in the address of the other end; returns a number below zero if there is none any more. */
  getpeername?(address: object): number;
  /** The TCP handle below that of TLS. */
  readonly _parent?: Handle;
}

function handleOf(duplex: Duplex): Handle | undefined {
  return duplex instanceof Socket ? ((duplex as { readonly _handle?: Handle | null })._handle ?? undefined) : undefined;
}

/**
 * Destroys the duplex; a TCP connection, also one below TLS, is reset, since the FIN of a plain `destroy()` looks like
 * an end. A Unix socket has nothing like a reset: there the other side sees an end.
 */
export function resetAndDestroy(duplex: Duplex, error: Error): void {
  if (duplex instanceof Socket && !duplex.destroyed && !duplex.connecting) {
    if (duplex.remoteFamily !== undefined && !("encrypted" in duplex)) {
      // Node's own way ends the socket first, and flushes what is queued: the FIN may be seen before the reset, and a
      // peer that does not read would never be told.
      duplex.destroySoon = () => duplex.destroy();
      duplex.resetAndDestroy();
      return;
    }
    // Below TLS too: a peer whose TLS takes a missing close_notify for an end, as Node's does, must see something else.
    handleOf(duplex)?._parent?.reset?.(() => {});
  }
  duplex.destroy(error);
}

/**
 * Returns the error of a reset that looks like the `end` of a socket; undefined for a real end. When a reset comes
 * together with the last data, many versions of libuv report an end (libuv/libuv#4992, mended in #4997), and the next
 * read of the socket has the error: so this function reads once more. It must be called while `end` is being emitted;
 * the file descriptor is gone soon after.
 */
export function resetBehindEnd(duplex: Duplex): Error | undefined {
  // Without TCP nothing is ever reset.
  if (!(duplex instanceof Socket) || duplex.remoteFamily === undefined) return undefined;
  const encrypted = "encrypted" in duplex;
  const handle = encrypted ? handleOf(duplex)?._parent : handleOf(duplex);
  const fd = handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  try {
    const left = readSync(fd, new Uint8Array(1));
    if (!encrypted) return left === 0 ? undefined : new Error("the end was reported before all data was read");
    // A write of TLS itself, such as that of a session ticket, may have taken the error without a report. But while
    // this side has not ended, only a reset takes the other end's address away.
    const gone = left === 0 && !duplex.writableEnded && (handle?.getpeername?.({}) ?? 0) < 0;
    return gone ? Object.assign(new Error("connection reset by peer"), { code: "ECONNRESET" }) : undefined;
  } catch (error) {
    // After an end that was real the error of a later reset is EPIPE; anything else says nothing about the end.
    return (error as NodeJS.ErrnoException).code === "ECONNRESET" ? (error as Error) : undefined;
  }
}
