/**
 * Recognises a peer that speaks another protocol by its first octets, which stand where the header of a frame should
 * be. An error that names the protocol says more than a frame of 5,460,808 bytes.
 */

/** The protocols whose first octets are text. */
const textProtocols: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^HTTP\/\d/, "HTTP/1.1"],
  [/^[A-Z]{3,} \S+ HTTP\/1/, "HTTP/1.1"],
  [/^SSH-/, "SSH"],
  [/^(-ERR|-NOAUTH|-DENIED|\+OK|\+PONG)/, "Redis"],
  [/^220[ -]/, "SMTP or FTP"],
  [/^\* OK/, "IMAP"],
  [/^RFB 0/, "VNC"],
  [/^AMQP/, "AMQP"],
  [/^<(!doctype|html|\?xml)/i, "HTML or XML"],
];

const shownCharacters = 64;

/**
 * Returns the protocol of the octets at `offset` and, for a protocol of text, its first line; undefined if they belong
 * to none that is known. The text is for people: it is short and printable.
 */
export function foreignProtocol(bytes: Uint8Array, offset: number): string | undefined {
  const at = (index: number): number | undefined => bytes[offset + index];
  if ((at(0) === 0x15 || at(0) === 0x16) && at(1) === 0x03) return "TLS";
  let line = "";
  for (let index = 0; index < shownCharacters; index++) {
    const octet = at(index) ?? 0;
    if (octet < 0x20 || octet > 0x7e) break;
    line += String.fromCharCode(octet);
  }
  const found = textProtocols.find(([pattern]) => pattern.test(line));
  if (found !== undefined) return `${found[1]}: it sent ${JSON.stringify(line)}`;
  // A packet of MySQL: three octets of length, the number 0, and version 10 of the protocol.
  if (at(1) === 0 && at(2) === 0 && at(3) === 0 && at(4) === 0x0a) return "MySQL";
  // An ErrorResponse of PostgreSQL: the letter E and four octets of length.
  if (at(0) === 0x45 && at(1) === 0 && at(2) === 0 && at(5) === 0x53) return "PostgreSQL";
  return undefined;
}
