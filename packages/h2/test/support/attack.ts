/** A hostile peer on a real socket, one of ours that it attacks, and a well-behaved connection beside it. */
import { connect, createServer, type Socket } from "node:net";
import { connectSocket, createSocketServer, HttpConnection, type HttpHandler, type HttpOptions } from "../../src/node/index.js";
import { clientPreface, FrameFactory, FrameType, parseFrames } from "../../src/testing/index.js";
import { request } from "./endpoint.js";
import { codeName } from "./engine.js";
import { type Cleanup, listen } from "./sockets.js";

export interface AttackResult {
  /** The code of our GOAWAY, and its debug text; undefined where the connection lived on. */
  readonly goAway: string | undefined;
  readonly why: string;
  /** The codes of our RST_STREAMs, and how many of each. */
  readonly resets: Record<string, number>;
}

/** A peer that sends what it likes and writes down what it gets. */
export class HostilePeer {
  readonly frames: FrameFactory = new FrameFactory();
  readonly socket: Socket;
  readonly #received: Buffer[] = [];
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on("close", () => resolve());
    });
    socket.on("error", () => {}); // We cut it off: what it still sends may fail.
    socket.on("data", (chunk: Buffer) => this.#received.push(chunk));
    socket.on("end", () => socket.end());
  }

  send(...frames: Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  get output() {
    return parseFrames(Buffer.concat(this.#received));
  }

  /** Sends a PING and waits for its answer, or for the end of the connection: everything before it has then been handled. */
  async settled(): Promise<AttackResult> {
    const mark = [0x6d, 0x61, 0x72, 0x6b, ...Buffer.from(String(this.#received.length % 10_000).padStart(4, "0"))];
    this.send(this.frames.ping(mark));
    const answered = new Promise<void>((resolve) => {
      const look = () => {
        if (this.output.some(({ type, flags, payload }) => type === FrameType.PING && flags === 1 && Buffer.from(mark).equals(payload)))
          resolve();
      };
      this.socket.on("data", look);
      look();
    });
    await Promise.race([answered, this.closed]);
    return this.result();
  }

  /** Waits until we have closed the connection. */
  async ended(): Promise<AttackResult> {
    await this.closed;
    return this.result();
  }

  result(): AttackResult {
    const goAway = this.output.find(({ type }) => type === FrameType.GOAWAY);
    const resets: Record<string, number> = {};
    for (const { type, payload } of this.output) {
      if (type !== FrameType.RST_STREAM) continue;
      const name = codeName(payload, 0);
      resets[name] = (resets[name] ?? 0) + 1;
    }
    return {
      goAway: goAway === undefined ? undefined : codeName(goAway.payload, 4),
      why: goAway === undefined ? "" : Buffer.from(goAway.payload.subarray(8)).toString("latin1"),
      resets,
    };
  }
}

/** Answers each complete request with its body. */
export const echo: HttpHandler = async (stream) => {
  const body = await stream.body();
  stream.sendHeaders([{ name: ":status", value: "200" }]);
  await stream.send(body, true);
};

export interface ServerUnderAttack {
  readonly attacker: HostilePeer;
  /** Our side of the attacker's connection. */
  readonly victim: () => HttpConnection;
  /** Throws unless a well-behaved client is served. */
  readonly servesOthers: () => Promise<void>;
}

/** Our server; the attacker's handshake is done unless told otherwise. */
export async function serverUnderAttack(
  cleanup: Cleanup,
  { answer = echo, options = {}, handshake = true }: { answer?: HttpHandler; options?: HttpOptions; handshake?: boolean } = {},
): Promise<ServerUnderAttack> {
  const connections: HttpConnection[] = [];
  const server = createSocketServer({}, (socket) => {
    connections.push(HttpConnection.accept(socket, answer, options));
  });
  const target = (await listen(server, "tcp", cleanup)) as { host: string; port: number };
  const socket = connect(target.port, target.host);
  await new Promise((resolve) => socket.once("connect", resolve));
  cleanup.add(() => socket.destroy());
  const attacker = new HostilePeer(socket);
  if (handshake) {
    attacker.send(clientPreface, attacker.frames.settings(), attacker.frames.settingsAck());
    await attacker.settled();
  }
  const neighbour = HttpConnection.connect(await connectSocket(target));
  cleanup.add(() => neighbour.driver.destroy());
  return {
    attacker,
    victim: () => connections[0] as HttpConnection,
    servesOthers: async () => {
      const stream = await neighbour.request(request);
      await stream.send(Buffer.from("still there?"), true);
      const body = Buffer.from(await stream.body()).toString();
      if (body !== "still there?") throw new Error(`a neighbour got ${JSON.stringify(body)}`);
      stream.release();
    },
  };
}

export interface ClientUnderAttack {
  readonly attacker: HostilePeer;
  readonly victim: HttpConnection;
}

/** Our client, connected to a hostile server whose handshake is done. */
export async function clientUnderAttack(cleanup: Cleanup, options: HttpOptions = {}): Promise<ClientUnderAttack> {
  const accepted = new Promise<Socket>((resolve) => {
    const server = createServer({ allowHalfOpen: true }, resolve);
    cleanup.add(() => server.close());
    void listen(server, "tcp", cleanup).then(async (target) => connecting(await connectSocket(target)));
  });
  let connecting: (socket: Socket) => void = () => {};
  const connected = new Promise<Socket>((resolve) => {
    connecting = resolve;
  });
  const attacker = new HostilePeer(await accepted);
  const victim = HttpConnection.connect(await connected, options);
  cleanup.add(() => victim.driver.destroy());
  attacker.send(attacker.frames.settings(), attacker.frames.settingsAck());
  await attacker.settled();
  return { attacker, victim };
}
