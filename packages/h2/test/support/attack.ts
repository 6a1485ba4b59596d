/** A hostile peer on a real socket, one of ours that it attacks, and a well-behaved connection beside it. */
import { connect, createServer, type Socket } from "node:net";
import { frameHeaderBytes } from "../../src/frame/header.js";
import type { HeaderField } from "../../src/index.js";
import {
  connectSocket,
  createSocketServer,
  HttpConnection,
  type HttpHandler,
  type HttpOptions,
  type SocketTarget,
} from "../../src/node/index.js";
import {
  type Attack,
  clientPreface,
  FrameFactory,
  FrameType,
  type ParsedFrame,
  parseFrames,
} from "../../src/testing/index.js";
import { request } from "./endpoint.js";
import { codeName } from "./engine.js";
import { heldBytes, heldBytesAtMost, isHeldAtMost } from "./held-bytes.js";
import { type Cleanup, listen } from "./sockets.js";

/**
 * The bytes that an attacked process may hold more than before, unless a test says otherwise: the worth of one
 * connection.
 */
export const mostHeldBytes = 3 * 2 ** 20;

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
  /** The beginning of the next frame. */
  #rest: Buffer = Buffer.alloc(0);
  #hasBegun = false;
  #goAway: ParsedFrame | undefined;
  readonly #resets: Record<string, number> = {};
  #marks = 0;
  /** The PING whose answer `settled` waits for. */
  #awaited: { readonly mark: Buffer; readonly onAnswer: () => void } | undefined;
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on("close", () => resolve());
    });
    socket.on("error", () => {}); // We cut it off: what it still sends may fail.
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("end", () => socket.end());
  }

  send(...frames: Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Sends it piece by piece, as fast as the victim reads, until it is over or the victim has closed. */
  async perform(attack: Attack): Promise<void> {
    for (const piece of attack.send({ peer: this.frames, request: () => heldRequest })) {
      if (this.socket.destroyed || this.socket.writableEnded) return;
      if (this.socket.write(piece)) continue;
      await Promise.race([new Promise((resolve) => this.socket.once("drain", resolve)), this.closed]);
    }
  }

  get output(): ParsedFrame[] {
    return parseFrames(Buffer.concat(this.#received));
  }

  /** Looks at each frame once: a victim may answer a hundred thousand times. */
  #take(chunk: Buffer): void {
    this.#received.push(chunk);
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const hasPreface = !this.#hasBegun && clientPreface.every((octet, at) => bytes[at] === octet);
    let parsedBytes = hasPreface ? clientPreface.length : 0;
    for (const frame of parseFrames(bytes.subarray(parsedBytes))) {
      parsedBytes += frameHeaderBytes + frame.payload.length;
      this.#hasBegun = true;
      this.#onFrame(frame);
    }
    if (!this.#hasBegun) parsedBytes = 0;
    this.#rest = bytes.subarray(parsedBytes);
  }

  #onFrame(frame: ParsedFrame): void {
    const { type, flags, payload } = frame;
    if (type === FrameType.GOAWAY) this.#goAway ??= frame;
    if (type === FrameType.PING && flags === 1 && this.#awaited?.mark.equals(payload)) this.#awaited.onAnswer();
    if (type === FrameType.RST_STREAM) {
      const name = codeName(payload, 0);
      this.#resets[name] = (this.#resets[name] ?? 0) + 1;
    }
  }

  /**
   * Sends a PING and waits for its answer, or for the end of the connection: everything before it has then been
   * handled.
   */
  async settled(): Promise<AttackResult> {
    this.#marks += 1;
    const mark = Buffer.from(`mark${String(this.#marks).padStart(4, "0")}`);
    const answered = new Promise<void>((resolve) => {
      this.#awaited = { mark, onAnswer: resolve };
    });
    this.send(this.frames.ping([...mark]));
    await Promise.race([answered, this.closed]);
    return this.result();
  }

  /** Waits until we have closed the connection. */
  async ended(): Promise<AttackResult> {
    await this.closed;
    return this.result();
  }

  result(): AttackResult {
    const goAway = this.#goAway;
    return {
      goAway: goAway === undefined ? undefined : codeName(goAway.payload, 4),
      why: goAway === undefined ? "" : Buffer.from(goAway.payload.subarray(8)).toString("latin1"),
      resets: { ...this.#resets },
    };
  }
}

/** A request that `echo` neither reads nor answers. */
export const heldRequest: readonly HeaderField[] = request.map((field) =>
  field.name === ":path" ? { ...field, value: "/held" } : field,
);

/** Answers each complete request with its body. */
export const echo: HttpHandler = async (stream) => {
  if ((await stream.headers()).some(({ name, value }) => name === ":path" && value === "/held"))
    await new Promise(() => {});
  const body = await stream.body();
  stream.sendHeaders([{ name: ":status", value: "200" }]);
  await stream.send(body, true);
};

/** A well-behaved client: one request after the other while an attack goes on. */
class Neighbour {
  readonly #connection: HttpConnection;
  readonly #work: Promise<void>;
  #over = false;
  #served = 0;
  #failure: unknown;

  constructor(connection: HttpConnection) {
    this.#connection = connection;
    this.#work = this.#goOn();
  }

  async #goOn(): Promise<void> {
    while (!this.#over) {
      try {
        await this.#ask();
      } catch (error) {
        this.#failure ??= error;
        return;
      }
      // The attack has the same thread: it gets its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #ask(): Promise<void> {
    const stream = await this.#connection.request(request);
    await stream.send(Buffer.from("still there?"), true);
    const body = Buffer.from(await stream.body()).toString();
    stream.release();
    if (body !== "still there?") throw new Error(`a neighbour got ${JSON.stringify(body)}`);
    this.#served += 1;
  }

  /** Resolves after one more request was served. @throws what went wrong so far */
  async served(): Promise<void> {
    const before = this.#served;
    while (this.#served === before && this.#failure === undefined)
      await new Promise((resolve) => setImmediate(resolve));
    if (this.#failure !== undefined) throw this.#failure;
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#work;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#served === 0) throw new Error("the neighbour was not served");
  }
}

/** The growth during one test that needs no new measure: that of the test runner's own records. */
const smallGrowthBytes = 2 ** 19;
/** The number of tests that may follow one measure: their records are then still a small part of `mostHeldBytes`. */
const mostTestsOnOneMeasure = 8;
/** The bytes held before an earlier test, which are no more than before the next one, and the tests since then. */
let measured: { readonly held: number; tests: number } | undefined;

/** Measures what is held before an attack: collecting garbage is most of what a test takes. */
function heldBeforeAttack(): number {
  if (measured === undefined || measured.tests === mostTestsOnOneMeasure) measured = { held: heldBytes(), tests: 0 };
  measured.tests += 1;
  return measured.held;
}

/** Checks, after an attack, all that must be true whatever it was. */
async function checkUnhurt(neighbour: Neighbour, heldBefore: number, mostBytes: number): Promise<void> {
  await neighbour.served();
  await neighbour.stop();
  if (isHeldAtMost(heldBefore + mostBytes)) return;
  const held = heldBytesAtMost(heldBefore + mostBytes);
  const more = held - heldBefore;
  measured = more < smallGrowthBytes ? { held, tests: 0 } : undefined;
  if (more > mostBytes)
    throw new Error(`${more} bytes more than before the attack are held, which is more than ${mostBytes}`);
}

export interface UnderAttack {
  readonly attacker: HostilePeer;
  /** A well-behaved connection is served once more; it goes on during the attack by itself. */
  readonly servesOthers: () => Promise<void>;
  /**
   * The end of each attack test. @throws unless a neighbour was served all the time and still is, and the process holds
   * no more than it did, `mostBytes` aside: 3 MiB by default
   */
  readonly unhurt: (mostBytes?: number) => Promise<void>;
}

export interface ServerUnderAttack extends UnderAttack {
  /** Our side of the attacker's connection. */
  readonly victim: () => HttpConnection;
}

/** Our server; the attacker's handshake is done unless told otherwise. */
export async function serverUnderAttack(
  cleanup: Cleanup,
  {
    answer = echo,
    options = {},
    handshake = true,
  }: { answer?: HttpHandler; options?: HttpOptions; handshake?: boolean } = {},
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
  const neighbour = await neighbourOf(target, cleanup);
  const heldBefore = heldBeforeAttack();
  return {
    attacker,
    victim: () => connections[0] as HttpConnection,
    servesOthers: () => neighbour.served(),
    unhurt: (mostBytes = mostHeldBytes) => checkUnhurt(neighbour, heldBefore, mostBytes),
  };
}

async function neighbourOf(target: SocketTarget, cleanup: Cleanup): Promise<Neighbour> {
  const connection = HttpConnection.connect(await connectSocket(target));
  const neighbour = new Neighbour(connection);
  cleanup.add(() => connection.driver.destroy());
  await neighbour.served();
  return neighbour;
}

export interface ClientUnderAttack extends UnderAttack {
  readonly victim: HttpConnection;
}

/** Our client, connected to a hostile server whose handshake is done; beside it, another one on a good server. */
export async function clientUnderAttack(
  cleanup: Cleanup,
  options: HttpOptions = {},
  { handshake = true }: { handshake?: boolean } = {},
): Promise<ClientUnderAttack> {
  const hostile = createServer({ allowHalfOpen: true });
  const accepted = new Promise<Socket>((resolve) => hostile.once("connection", resolve));
  const victim = HttpConnection.connect(await connectSocket(await listen(hostile, "tcp", cleanup)), options);
  const attacker = new HostilePeer(await accepted);
  cleanup.add(() => victim.driver.destroy());
  if (handshake) {
    attacker.send(attacker.frames.settings(), attacker.frames.settingsAck());
    await attacker.settled();
  }
  const good = createSocketServer({}, (socket) => {
    HttpConnection.accept(socket, echo);
  });
  const neighbour = await neighbourOf(await listen(good, "tcp", cleanup), cleanup);
  const heldBefore = heldBeforeAttack();
  return {
    attacker,
    victim,
    servesOthers: () => neighbour.served(),
    unhurt: (mostBytes = mostHeldBytes) => checkUnhurt(neighbour, heldBefore, mostBytes),
  };
}
