/** Services to expose and clients to connect, on plain sockets with half-close. */
import { once } from "node:events";
import { readSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Service extends AsyncDisposable {
  readonly port: number;
  /** The address, as the command line takes it. */
  readonly target: string;
  /** The next connection that comes in. */
  accept(): Promise<Socket>;
}

/** Listens on a free port of loopback and gives each connection to `serve`. */
export async function startService(serve: (socket: Socket) => void = () => {}): Promise<Service> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    target: `127.0.0.1:${port}`,
    accept: async () => (await once(server, "connection"))[0] as Socket,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Waits for the end of a socket: `"end"`, or the code of the error that broke it. */
export function fateOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.on("end", () => resolve(wasReset(socket) ? "ECONNRESET" : "end"));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on("close", () => resolve("closed"));
  });
}

/**
 * Many versions of libuv report a reset that comes together with the last data as an end (libuv/libuv#4992); the next
 * read has the error.
 */
function wasReset(socket: Socket): boolean {
  const { fd } = (socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle ?? {};
  try {
    return fd !== undefined && readSync(fd, new Uint8Array(1)) !== 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ECONNRESET";
  }
}

/** A client's connection, with all that it has received. */
export class Client {
  readonly socket: Socket;
  /** The end of the connection: `"end"`, or the code of the error that broke it. */
  readonly over: Promise<string>;
  readonly chunks: Buffer[] = [];
  #receivedBytes = 0;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.on("data", (chunk) => {
      this.chunks.push(chunk);
      this.#receivedBytes += chunk.length;
    });
    this.over = fateOf(this.socket);
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Waits for so many bytes in all, and returns what has come. Rejects when the connection is over before. */
  async receive(bytes: number): Promise<Buffer> {
    let check = (): void => {};
    const enough = new Promise<void>((resolve) => {
      check = () => {
        if (this.#receivedBytes >= bytes) resolve();
      };
    });
    this.socket.on("data", check);
    check();
    const over = await Promise.race([enough, this.over]).finally(() => this.socket.off("data", check));
    if (over !== undefined) throw new Error(`the connection was over (${over}) after ${this.#receivedBytes} bytes`);
    return this.received;
  }
}
