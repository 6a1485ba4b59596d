/** The byte stream that a driver needs, and how any Node `Duplex` (net, tls, a pair in memory) provides it. */
import net from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { queueMicrotask, setImmediate, TransportError, tlsFailure } from "@trunkline/base/node";
import { readsShared } from "./shared-reads.js";

export interface TransportEvents {
  /** The chunk is there until the callback returns: the transport may use its memory again. */
  onData(chunk: Uint8Array): void;
  /** More may be written, after `write` gave false. */
  onDrain(): void;
  /** The other side will send no more. */
  onEnd(): void;
  /**
   * The transport is closed in both directions; `error` is given when it did not end in order. It is the last call, and
   * comes once.
   */
  onClose(error: Error | undefined): void;
}

export interface Transport {
  start(events: TransportEvents): void;
  /**
   * Writes chunks. Returns false where more should wait for `onDrain`.
   * @param onWritten what to call once nothing reads the memory of the chunks any more, where that is known
   */
  write(chunks: readonly Uint8Array[], onWritten?: readonly (() => void)[]): boolean;
  pause(): void;
  resume(): void;
  /** The number of bytes written and not yet handed to the system. */
  readonly writableLength: number;
  /** Half-closes the transport, after what was written. */
  end(): void;
  /** Closes at once; unwritten bytes are lost. */
  destroy(): void;
}

export function duplexTransport(duplex: Duplex): Transport {
  let failure: Error | undefined;
  let heard = false;
  // A socket is done with memory that was written: the system has it, or TLS has encrypted it. Another duplex may have
  // handed it on to a reader.
  const tells = duplex instanceof net.Socket;
  // Nothing a socket does may become an unhandled "error" event, from before the start until after the end.
  duplex.on("error", (error) => {
    failure ??= duplex instanceof TLSSocket ? named(error, heard) : error;
  });
  return {
    start(events) {
      if ("setNoDelay" in duplex && typeof duplex.setNoDelay === "function") duplex.setNoDelay(true);
      // A plain view: parts of a `Buffer` would be Buffers, whose `slice` does not copy, all the way up to users.
      const onData = (chunk: Uint8Array): void => {
        heard = true;
        events.onData(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      };
      // Bytes that were read before, to learn what is spoken, go first.
      const queued = duplex.readableFlowing === true ? null : (duplex.read() as Uint8Array | null);
      if (queued !== null) queueMicrotask(() => onData(queued));
      if (readsShared(duplex, onData)) duplex.resume();
      else duplex.on("data", onData);
      duplex.on("drain", () => events.onDrain());
      duplex.on("end", () => {
        if (!(duplex instanceof TLSSocket)) events.onEnd();
        // An alert of TLS comes as an end first and as an error, which has more to say, in the same turn.
        else setImmediate(() => failure === undefined && events.onEnd());
      });
      if (duplex.closed) queueMicrotask(() => events.onClose(failure ?? duplex.errored ?? undefined));
      else duplex.on("close", () => events.onClose(failure));
    },
    write(chunks, onWritten) {
      if (duplex.destroyed || duplex.writableEnded) return true;
      const done = tells && onWritten !== undefined ? callAll(onWritten) : undefined;
      const { length } = chunks;
      if (length === 1) return duplex.write(chunks[0], done);
      let writable = true;
      duplex.cork();
      for (let index = 0; index < length; index++)
        writable = duplex.write(chunks[index], index === length - 1 ? done : undefined);
      duplex.uncork();
      return writable;
    },
    get writableLength() {
      return duplex.writableLength;
    },
    pause: () => duplex.pause(),
    resume: () => duplex.resume(),
    end() {
      if (!duplex.destroyed) duplex.end();
    },
    destroy: () => duplex.destroy(),
  };
}

/** Returns the callback of a write that calls all others, where the write has not failed. */
function callAll(callbacks: readonly (() => void)[]): (error?: Error | null) => void {
  return (error) => {
    if (error === undefined || error === null) for (const callback of callbacks) callback();
  };
}

/**
 * Names the error of a TLS socket. In TLS 1.3 the objections of a server to its client come as alerts after the
 * handshake, for which OpenSSL has several lines of words. Where the server resets the connection at once, TCP may lose
 * the alert, and only a guess is left.
 */
function named(error: Error & { code?: string }, heard: boolean): Error {
  if (!heard && (error.code === "ECONNRESET" || error.code === "EPIPE")) {
    const text = `${error.message} before the peer has sent anything: it may not accept our certificate`;
    return new TransportError("CONNECTION_CLOSED", text, { cause: error });
  }
  if (error.code?.startsWith("ERR_SSL_") !== true) return error;
  const failure = tlsFailure(error, "peer", "h2");
  return failure === undefined ? error : new TransportError(...failure, { cause: error });
}
