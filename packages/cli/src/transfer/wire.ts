/**
 * The messages of `send` and `recv`, over one stream. Each has its length in front, then a byte that tells content from
 * control, then the bytes of a file, or JSON.
 *
 * The receiver begins: it has these parts of an earlier try (`have`), and is `ready`. The sender names each entry, the
 * content of a file follows, from where the receiver goes on, and its `end` has the checksum of the whole file. After
 * `done` the receiver puts everything into its place and says that it is `stored`. Either side may say that it has
 * `failed`, and why.
 */
import { Buffer } from "node:buffer";
import { lengthPrefixed, type ObjectStream, type WaitOptions } from "@trunkline/streams";
import { printable } from "../format.js";

/** An entry of what is sent. Paths are bytes in base64url. */
export interface EntryMessage {
  readonly kind: "entry";
  readonly path: string;
  readonly type: "file" | "folder" | "link";
  /** The permissions, in octal the last three digits. */
  readonly mode: number;
  readonly mtimeMs: number;
  /** The size of a file; absent for one that is read to its end, such as a pipe. */
  readonly size?: number;
  /** The first byte of the file that follows. */
  readonly from?: number;
  /** The target of a link. */
  readonly target?: string;
}

/** A control message. */
export type Control =
  | { readonly kind: "have"; readonly path: string; readonly bytes: number; readonly sha256: string }
  | { readonly kind: "ready" }
  | EntryMessage
  | { readonly kind: "end"; readonly sha256: string }
  | { readonly kind: "done"; readonly entries: number; readonly bytes: number }
  | { readonly kind: "stored"; readonly entries: number; readonly bytes: number }
  | { readonly kind: "failed"; readonly message: string };

/** The most content in one message. */
export const maxContentBytes = 262_144;
/** The bytes in front of the content, which the caller leaves free. */
export const headroom = 1;
const maxMessageBytes = maxContentBytes + headroom;
const content = 0;
const control = 1;
const maxReasonChars = 500;

/** Messages over one stream of bytes. */
export class TransferWire {
  readonly #messages: ObjectStream<Uint8Array>;

  constructor(stream: ObjectStream<Uint8Array>) {
    this.#messages = lengthPrefixed(stream, { maxMessageBytes });
  }

  send(message: Control): Promise<void> {
    const text = Buffer.from(JSON.stringify(message), "utf8");
    return this.#messages.send(Buffer.concat([Buffer.of(control), text]));
  }

  /** Sends content, which begins behind the headroom of `bytes`. The memory may be used again at once. */
  sendContent(bytes: Uint8Array): Promise<void> {
    bytes[0] = content;
    return this.#messages.send(bytes);
  }

  /**
   * Returns the next message: content as bytes, or a control message. Undefined is the end of the stream.
   * @throws Error for a message that is none
   */
  async receive(options?: WaitOptions): Promise<Control | Uint8Array | undefined> {
    const message = await this.#messages.receive(options);
    if (message === undefined) return undefined;
    const body = message.subarray(headroom);
    if (message[0] === content) return body;
    const parsed = message[0] === control ? parsedControl(body) : undefined;
    if (parsed === undefined) throw new Error("the other side sent a message that is none of a transfer");
    return parsed;
  }

  /** Says why this side ends the transfer. */
  async fail(message: string): Promise<void> {
    await this.send({ kind: "failed", message: message.slice(0, maxReasonChars) });
  }

  sendEof(): Promise<void> {
    return this.#messages.sendEof();
  }
}

/** Returns the reason that the other side gave, for people. */
export function reasonOfOther({ message }: { readonly message: string }): string {
  return printable(message.slice(0, maxReasonChars));
}

function parsedControl(bytes: Uint8Array): Control | undefined {
  let value: Readonly<Record<string, unknown>>;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8")) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const check = shapes[value["kind"] as Control["kind"]];
  return Object.hasOwn(shapes, String(value["kind"])) && check(value) ? (value as unknown as Control) : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const shapes: Readonly<Record<Control["kind"], (fields: Fields) => boolean>> = {
  have: ({ path, bytes, sha256 }) => isText(path) && isCount(bytes) && isText(sha256),
  ready: () => true,
  entry: ({ path, type, mode, mtimeMs, size, from, target }) =>
    isText(path) &&
    (type === "file" || type === "folder" || (type === "link" && isText(target))) &&
    isCount(mode) &&
    Number.isFinite(mtimeMs) &&
    (size === undefined || isCount(size)) &&
    (from === undefined || isCount(from)),
  end: ({ sha256 }) => isText(sha256),
  done: ({ entries, bytes }) => isCount(entries) && isCount(bytes),
  stored: ({ entries, bytes }) => isCount(entries) && isCount(bytes),
  failed: ({ message }) => isText(message),
};

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Writes the bytes of a path for a message. */
export function encodePath(path: Buffer): string {
  return path.toString("base64url");
}

/** Reads the bytes of a path in a message. */
export function decodePath(text: string): Buffer {
  return Buffer.from(text, "base64url");
}
