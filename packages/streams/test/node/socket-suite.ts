/**
 * The compliance suite over sockets: Unix sockets hold a tenth of what TCP connections hold unread, so that what fills
 * them goes over Unix sockets, and over TCP go the tests of aborts, which Unix sockets do not show.
 */
import { test } from "vitest";
import type { ObjectStream } from "../../src/index.js";
import {
  connectTcp,
  connectUnix,
  listenTcp,
  listenUnix,
  type SocketListener,
  temporarySocketPath,
} from "../../src/node/index.js";
import { type ComplianceOptions, complianceTests, type StreamPair } from "../../src/testing/index.js";
import { turns } from "../support/turns.js";

type Bytes = ObjectStream<Uint8Array>;

/** Returns the two ends of a connection whose listener is closed again. */
export async function bothEnds(listener: SocketListener, connecting: Promise<Bytes>): Promise<[Bytes, Bytes]> {
  const [first, second] = await Promise.all([connecting, listener.accept()]);
  await listener.close();
  if (second === undefined) throw new Error("the listener was closed");
  return [first, second];
}

/** Runs the suite over pairs that `wrap` makes of the two ends of a socket. */
export function socketSuite(
  options: Pick<ComplianceOptions, "keepsBoundaries" | "maxItemBytes">,
  wrap: (first: Bytes, second: Bytes, clock: Parameters<ComplianceOptions["connect"]>[0]) => StreamPair,
): void {
  const overUnix = complianceTests({
    ...options,
    settle: () => turns(),
    abortIsSeen: false,
    maxUnreadBytes: 2 * 1024 * 1024,
    async connect(clock) {
      const place = await temporarySocketPath();
      const listener = await listenUnix(place.path, { clock });
      const ends = await bothEnds(listener, connectUnix(place.path, { clock }));
      return { ...wrap(...ends, clock), release: () => place.remove() };
    },
  });
  const known = new Set(overUnix.map(({ title }) => title));
  const overTcp = complianceTests({
    ...options,
    settle: () => turns(),
    async connect(clock) {
      const listener = await listenTcp({ clock });
      const address = listener.address as { host: string; port: number };
      return wrap(...(await bothEnds(listener, connectTcp(address, { clock }))), clock);
    },
  }).filter(({ title }) => !known.has(title));
  for (const { title, run } of overUnix) test(title, run);
  for (const { title, run } of overTcp) test(`${title}, over TCP`, run);
}
