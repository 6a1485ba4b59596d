import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * Two connected TCP sockets that nothing was done to yet: neither reads, and both keep their half when the other ends.
 */
export async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
  const [[accepted]] = (await Promise.all([once(server, "connection"), once(client, "connect")])) as unknown as [
    [Socket],
  ];
  server.close();
  return [client, accepted];
}

/** Returns the events of a socket from now on, as words: "data 5", "end", "error ECONNRESET", "close". */
export function journal(socket: Socket): string[] {
  const entries: string[] = [];
  socket.on("data", (chunk: Buffer) => entries.push(`data ${chunk.length}`));
  socket.on("end", () => entries.push("end"));
  socket.on("error", (error: NodeJS.ErrnoException) => entries.push(`error ${error.code}`));
  socket.on("close", () => entries.push("close"));
  socket.resume();
  return entries;
}
