/** The connections that users give: Node's duplexes, and streams of bytes of any kind. */
import type { Duplex } from "node:stream";
import type { ObjectStream } from "@trunkline/streams";

/**
 * A connection that exists already: a duplex of Node, or an `ObjectStream` of bytes, such as a stream through a router,
 * a WebSocket, or the standard input and output of a child process. It belongs to the channel or server from then on.
 */
export type Carrier = Duplex | ObjectStream<Uint8Array>;

/** Returns true for a duplex of Node, also of another copy of its module. */
export function isDuplex(carrier: Carrier): carrier is Duplex {
  return typeof (carrier as Partial<Duplex> | null | undefined)?.pipe === "function";
}

/** Returns the duplex of a connection that was given. @throws TypeError for what is neither */
export async function duplexOf(carrier: Carrier): Promise<Duplex> {
  checkCarrier(carrier);
  if (isDuplex(carrier)) return carrier;
  // Loaded here: most programs give no streams.
  const { toDuplex } = await import("@trunkline/streams/node");
  return toDuplex(carrier);
}

/** @throws TypeError for what is neither a duplex nor a stream of bytes */
export function checkCarrier(carrier: Carrier): void {
  const { receive, send } = (carrier ?? {}) as Partial<ObjectStream<Uint8Array>>;
  if (typeof carrier === "object" && carrier !== null) {
    if (isDuplex(carrier) || (typeof receive === "function" && typeof send === "function")) return;
  }
  const said = carrier === null ? "null" : typeof carrier;
  throw new TypeError(`a connection is a Duplex of Node or an ObjectStream of bytes, not ${said}`);
}
