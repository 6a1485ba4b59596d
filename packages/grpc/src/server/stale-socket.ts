/** A Unix socket's file outlives a process that was killed, and would then keep the next one from listening there. */
import { lstat, unlink } from "node:fs/promises";
import { connectSocket } from "#platform";

/** How long whoever may listen there has to accept: a local one needs no time. */
const probeTimeoutMs = 2_000;

/**
 * Removes the file of a socket that nobody listens on any more, after `failure` to listen there.
 * @throws Error saying what is there, with `failure` as its cause and its code
 */
export async function removeStaleSocket(path: string, failure: NodeJS.ErrnoException): Promise<void> {
  const refuse = (what: string): Error =>
    Object.assign(new Error(`cannot listen on unix:${path}: ${what}`, { cause: failure }), { code: failure.code });
  const there = await lstat(path);
  if (!there.isSocket()) throw refuse("a file that is no socket is there");
  try {
    const socket = await connectSocket({ path }, { connectTimeoutMs: probeTimeoutMs });
    socket.destroy();
  } catch (error) {
    if ((error as { code?: unknown }).code !== "CONNECTION_REFUSED")
      throw refuse("something is there that does not answer");
    await unlink(path);
    return;
  }
  throw refuse("another process listens on it");
}
