/** Services to expose and clients to connect, on plain sockets with half-close. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Service extends AsyncDisposable {
  readonly port: number;
  /** As the command line has it. */
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

/** A client's connection, with all that it has received. */
export class Client {
  readonly socket: Socket;
  /** `"end"`, or the code of what broke it. */
  readonly over: Promise<string>;
  readonly chunks: Buffer[] = [];

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.on("data", (chunk) => this.chunks.push(chunk));
    this.over = new Promise((resolve) => {
      this.socket.on("end", () => resolve("end"));
      this.socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      this.socket.on("close", () => resolve("closed"));
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Resolves when at least so many bytes have come. Rejects when the connection is over before. */
  async receive(bytes: number): Promise<Buffer> {
    const enough = new Promise<void>((resolve) => {
      const check = (): void => {
        if (this.received.length >= bytes) resolve();
      };
      this.socket.on("data", check);
      check();
    });
    const over = await Promise.race([enough, this.over]);
    if (over !== undefined) throw new Error(`the connection was over (${over}) after ${this.received.length} bytes`);
    return this.received;
  }
}
