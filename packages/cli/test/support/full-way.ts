/** A way through processes and the system's sockets that is full, since its reader takes nothing. */
import type { Client } from "./services.js";

/**
 * Waits until nothing has moved during many round trips of a neighbour on the same way: each of them takes as much
 * longer on a busy machine as the sender's own steps do.
 * @param neighbour a client whose service answers each byte
 * @param moved returns a number that grows while something moves
 */
export async function untilFull(neighbour: Client, moved: () => number): Promise<void> {
  let received = neighbour.received.length;
  for (let quiet = 0, last = -1; quiet < 200; ) {
    const now = moved();
    quiet = now === last ? quiet + 1 : 0;
    last = now;
    neighbour.socket.write("x");
    received += 1;
    await neighbour.receive(received);
  }
}
