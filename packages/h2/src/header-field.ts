/**
 * One header field as it crosses the engine's border. Values are Latin-1: one character an octet, so that
 * whatever octets a peer sends are kept.
 */
export interface HeaderField {
  /** Lower case, as RFC 9113 §8.2 demands; pseudo-headers begin with a colon. */
  readonly name: string;
  readonly value: string;
  /** HPACK "never indexed" (RFC 7541 §7.1.3): no hop may put it into a compression table. */
  readonly neverIndexed?: boolean;
}
