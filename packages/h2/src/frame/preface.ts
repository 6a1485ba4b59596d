/** The client connection preface (RFC 9113 §3.4): 24 octets that no HTTP/1 server takes for a request. */
import { portableAscii } from "../bytes/ascii.js";
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { foreignProtocol } from "./foreign.js";

const text = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
export const clientPreface: Uint8Array = new Uint8Array(text.length);
portableAscii.encode(text, clientPreface, 0);

/** The first octet of a client that speaks TLS (RFC 8446 §5.1). */
const tlsHandshake = 0x16;

/** Reads the preface that a server expects first, whole or octet by octet. */
export class PrefaceReader {
  #matched = 0;

  get done(): boolean {
    return this.#matched === clientPreface.length;
  }

  /**
   * Returns the offset after what belongs to the preface. @throws H2Error PROTOCOL_ERROR at the first octet that does
   * not.
   */
  receive(chunk: Uint8Array): number {
    let offset = 0;
    while (offset < chunk.length && !this.done) {
      if (chunk[offset] !== clientPreface[this.#matched]) {
        throw connectionError(ErrorCode.PROTOCOL_ERROR, this.#describe(chunk, offset));
      }
      offset += 1;
      this.#matched += 1;
    }
    return offset;
  }

  #describe(chunk: Uint8Array, offset: number): string {
    const first = this.#matched === 0;
    if (first && chunk[offset] === tlsHandshake) return "not an HTTP/2 client in plaintext: it speaks TLS";
    const foreign = first ? foreignProtocol(chunk, offset) : undefined;
    if (foreign !== undefined) return `not an HTTP/2 client: it speaks ${foreign}`;
    return `not an HTTP/2 client: octet ${this.#matched} of the connection preface is wrong`;
  }
}
