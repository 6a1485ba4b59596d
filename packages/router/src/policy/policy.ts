/** The policy of a router as its user writes it: who may listen and dial under which names, and who is denied. */

/** The rights of all identities at a router. An identity that no rule is for may do nothing. */
export interface RouterPolicy {
  /** The rules, in order: the first one that is for an identity decides alone what it may do. */
  readonly rules: readonly PolicyRule[];
  /**
   * The names that several listeners may share. The first entry with a pattern that a name fits is for it. Default:
   * none, so that a name has one listener.
   */
  readonly names?: readonly SharedNames[] | undefined;
  /** The callers that are refused whatever the rules say. Default: none. */
  readonly denied?: DeniedCallers | undefined;
}

/** A right to the admin service. `act` includes `see`. */
export type AdminRight = "see" | "act";

/** The rights to the admin service. */
export const adminRights: readonly AdminRight[] = ["see", "act"];

/**
 * The rights of some identities. In a pattern `*` stands for any characters, `/` included; in patterns of names
 * `{identity}` stands for the identity of the caller. A rule without `listen`, `dial` and `admin` refuses its
 * identities.
 */
export interface PolicyRule {
  /** The patterns of the identities that the rule is for, such as `lab-*`. */
  readonly identities: readonly string[];
  /** The patterns of the names that they may listen under, such as `{identity}/*`. Default: none. */
  readonly listen?: readonly string[] | undefined;
  /** The patterns of the names that they may dial. Default: none. */
  readonly dial?: readonly string[] | undefined;
  /**
   * The right to the admin service: `see` shows all streams and names, `act` also ends streams, takes names away and
   * drains the router. Default: none.
   */
  readonly admin?: AdminRight | undefined;
  /** The number of names that each of them may listen under at once. Default: as many as the router has room for. */
  readonly maxListeners?: number | undefined;
  /**
   * The number of streams that each of them may have dialled at once, from the dial to the end of the stream. Default:
   * as many as the router has room for.
   */
  readonly maxStreams?: number | undefined;
  /**
   * The bytes a second that go each way through each stream that they have dialled. At least 65,536, one full frame, so
   * that no check for life takes a slow stream for a dead one. Default: no limit.
   */
  readonly maxBytesPerSecond?: number | undefined;
  /**
   * The time in seconds after which a stream that they have dialled ends, whatever goes through it, counted from the
   * dial. At most 2,147,483, about 24 days. Default: no limit.
   */
  readonly maxStreamSeconds?: number | undefined;
}

/**
 * The way in which the exposers of one name share its streams: `first` gives all to the earliest one, and the others
 * stand by; `round-robin` gives each its turn; `least-streams` gives a stream to the one that has the fewest.
 */
export type Sharing = "first" | "round-robin" | "least-streams";

/** Names that several listeners may share, also those of different identities. */
export interface SharedNames {
  /** The patterns of the names. */
  readonly names: readonly string[];
  /**
   * The way in which they share the streams. A listener that does not take its offers is left out while others do.
   */
  readonly exposers: Sharing;
  /** The number of listeners of one name. Default 16: each is looked at for each stream. */
  readonly maxExposers?: number | undefined;
}

/** The callers that are refused, and whose listeners and streams end. */
export interface DeniedCallers {
  /** The identities, in full: the subjects (`sub`) of tokens for the exchange. */
  readonly identities?: readonly string[] | undefined;
  /**
   * The ids (`jti`) of single tokens, those for the exchange and those for streams, and `sha256:` with the fingerprint
   * of a client certificate, in capitals with colons.
   */
  readonly tokenIds?: readonly string[] | undefined;
}
