/**
 * The used part of a WebSocket: of the standard object (browsers, Node 22, undici, Deno, Bun), and more of the object
 * of `ws`.
 */

/** The used parts of an event. */
export interface WebSocketEventLike {
  readonly type?: string;
  readonly data?: unknown;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

/** The used part of the standard WebSocket. */
export interface WebSocketLike {
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** The number of bytes that were given to `send` and have not gone to the network. */
  readonly bufferedAmount: number;
  binaryType: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: WebSocketEventLike) => void): void;
}

/** The further abilities of the object of `ws`. */
export interface PausableWebSocket extends WebSocketLike {
  pause(): void;
  resume(): void;
  /** Cuts the connection. */
  terminate(): void;
  send(data: string | Uint8Array, onWritten?: (error?: Error | null) => void): void;
}

/** Returns true for the object of `ws`. */
export function isPausable(socket: WebSocketLike): socket is PausableWebSocket {
  const { pause, resume, terminate } = socket as Partial<PausableWebSocket>;
  return typeof pause === "function" && typeof resume === "function" && typeof terminate === "function";
}

/** The longest reason of a close frame in bytes: the limit of RFC 6455 §5.5, less the code. */
const maxReasonBytes = 123;

/** Returns the reason, cut between two characters if it is too long. */
export function closeReason(text: string): string {
  const encoded = new TextEncoder().encode(text);
  if (encoded.length <= maxReasonBytes) return text;
  let end = maxReasonBytes;
  while (((encoded[end] as number) & 0xc0) === 0x80) end--;
  return new TextDecoder().decode(encoded.subarray(0, end));
}
