/**
 * Reads of sockets into one piece of memory that is used again for every read: nothing has to be collected. In a bulk
 * transfer the buffers that Node makes for reads are most of the garbage, and V8 sees them late, since they lie outside
 * of its heap.
 *
 * Node does this for sockets that are made with the option `onread`. Those that a server accepts, or that were dialled
 * by others, are given the same here, by the fields that the option sets; where a version of Node or another runtime
 * has other fields, sockets are read as usual.
 */
import net from "node:net";
import process from "node:process";
import { TLSSocket } from "node:tls";

/** The size of a read: what Node takes for its own. */
const readBytes = 65_536;

/**
 * The memory of the reads of all sockets: the system writes to it and its bytes are handed on within one callback. On
 * Windows a read of each socket would be under way at the same time.
 */
let memory: Uint8Array | undefined;

/** The part of Node's handle of a socket that is used here. */
interface Handle {
  useUserBuffer?(buffer: Uint8Array): void;
}

/** The fields of a socket for its memory and for what is called with the bytes, where this Node has them. */
interface Fields {
  readonly buffer: symbol | undefined;
  readonly callback: symbol | undefined;
}

/** The fields of all sockets. They are looked for once: that makes much garbage beside a connection. */
let fields: Fields | undefined;

function fieldsOf(socket: object): Fields {
  const symbols = Object.getOwnPropertySymbols(socket);
  const named = (name: string): symbol | undefined => symbols.find(({ description }) => description === name);
  return { buffer: named("kBuffer"), callback: named("kBufferCb") };
}

/**
 * Lets a socket read into the shared memory from now on, and calls `onBytes` with what was read. The bytes are there
 * until the callback returns.
 * @returns false where that cannot be had: then nothing has changed
 */
export function readsShared(duplex: object, onBytes: (bytes: Uint8Array) => void): boolean {
  if (!(duplex instanceof net.Socket) || duplex instanceof TLSSocket || process.platform === "win32") return false;
  // What was read already is in the queue of the stream.
  if (duplex.readableLength > 0 || duplex.readableFlowing === true) return false;
  fields ??= fieldsOf(duplex);
  const { buffer, callback } = fields;
  const handle = (duplex as { readonly _handle?: Handle | null })._handle;
  if (buffer === undefined || callback === undefined || typeof handle?.useUserBuffer !== "function") return false;
  const socket = duplex as unknown as Record<symbol, unknown>;
  // A socket with memory of its own was made with `onread`, and has a reader.
  if (socket[buffer] !== null) return false;
  memory ??= new Uint8Array(readBytes);
  socket[buffer] = memory;
  socket[callback] = (length: number, read: Uint8Array): boolean => {
    onBytes(read.subarray(0, length));
    return true;
  };
  handle.useUserBuffer(memory);
  return true;
}
