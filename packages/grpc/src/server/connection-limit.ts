/**
 * The connections of a server's listening sockets, up to a number. Where all places are taken, a connection without a
 * call makes room for a new one, so that strangers who connect and do nothing shut out nobody; the client of the other
 * one connects again when it has a call. Where all have calls, the new one is refused.
 */

/** A connection that holds a place. */
export interface PlacedConnection {
  /** True while it has no call. */
  readonly isIdle: boolean;
  /** Takes no more calls, and closes when there is none. */
  close(): void;
}

/** The connections that are looked at for one that has no call: a new connection costs no more when all are busy. */
const mostLooks = 16;

export class ConnectionLimit {
  readonly most: number;
  /** The connections with a place, in the order in which they are looked at for one without a call. */
  readonly #connections: Set<PlacedConnection> = new Set();

  constructor(most: number) {
    this.most = most;
  }

  /** Returns whether there is a place for one more, and makes one where it can. */
  hasRoom(): boolean {
    if (this.#connections.size < this.most) return true;
    for (let looks = 0; looks < mostLooks; looks++) {
      const [first] = this.#connections;
      if (first === undefined) return false;
      this.#connections.delete(first);
      if (first.isIdle) {
        first.close();
        return true;
      }
      this.#connections.add(first);
    }
    return false;
  }

  add(connection: PlacedConnection): void {
    this.#connections.add(connection);
  }

  delete(connection: PlacedConnection): void {
    this.#connections.delete(connection);
  }
}
