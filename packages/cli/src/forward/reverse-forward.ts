/** The connecting side of a reverse forward: the exposer of a name listens, and its connections go to a target here. */
import { randomUUID } from "node:crypto";
import { Backoff, type TcpAddress } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import { lines, type ObjectStream } from "@trunkline/streams";
import { CommandError, reasonOf } from "../command-error.js";
import { pause } from "../context.js";
import { dialPatiently } from "../dialling.js";
import { ExitCode } from "../exit-codes.js";
import { printable } from "../format.js";
import { reachTarget } from "../sockets.js";
import { printAddress, printTarget } from "../target.js";
import type { ReverseForward } from "./forward-grammar.js";
import type { ForwardParts, OpenForward } from "./local-forward.js";
import {
  maxReverseLineBytes,
  parseReverseMessage,
  reverseForwardKey,
  reverseListenKey,
  reverseTakeKey,
} from "./reverse-wire.js";

/** The time for the exposer to listen. */
const listenTimeoutMs = 15_000;
/** The wait before the first attempt to come back, which doubles up to the last one. */
const firstRetryMs = 250;
const lastRetryMs = 5_000;
/** The connections whose streams are being dialled; one more is refused. */
const maxDialling = 64;

/** The longest text by which the exposer may name a client. */
const maxPeerChars = 100;

/** The stream on which the exposer tells of connections. */
interface Control {
  readonly stream: ObjectStream<Uint8Array>;
  readonly address: TcpAddress;
}

/**
 * Lets the exposer listen. The forward comes back after a loss of the router or of the exposer, until it is closed.
 * @throws CommandError where the exposer refuses it, or cannot listen there
 */
export async function openReverseForward(forward: ReverseForward, parts: ForwardParts): Promise<OpenForward> {
  const opened = new OpenReverse(forward, parts);
  await opened.begin();
  return opened;
}

class OpenReverse implements OpenForward {
  readonly #forward: ReverseForward;
  readonly #parts: ForwardParts;
  readonly #id = randomUUID();
  readonly #over = new AbortController();
  #control: Control | undefined;
  #running: Promise<void> | undefined;
  #dialling = 0;
  #problem: string | undefined;

  constructor(forward: ReverseForward, parts: ForwardParts) {
    this.#forward = forward;
    this.#parts = parts;
  }

  /** The address at the exposer. */
  get address(): TcpAddress {
    return this.#control?.address ?? this.#forward.reverse;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  async begin(): Promise<void> {
    this.#control = await this.#open();
    this.#running = this.#run(this.#control);
  }

  async close(): Promise<void> {
    this.#over.abort(new Error("the forward was closed"));
    await this.#running;
  }

  /** Dials the exposer, and waits until it listens. @throws CommandError */
  async #open(): Promise<Control> {
    const { name, reverse } = this.#forward;
    const { access, waitMs } = this.#parts;
    const metadata = { [reverseListenKey]: printAddress(reverse), [reverseForwardKey]: this.#id };
    const signal = AbortSignal.any([this.#over.signal, this.#parts.signal]);
    const stream = await dialPatiently(name, access, { waitMs, signal, metadata, resume: false });
    try {
      const control = lines(stream, { maxLineBytes: maxReverseLineBytes });
      const patience = AbortSignal.any([signal, AbortSignal.timeout(listenTimeoutMs)]);
      const line = await control.receive({ signal: patience });
      const message = line === undefined ? undefined : parseReverseMessage(line);
      if (message === undefined || !("listening" in message))
        throw new CommandError(`the exposer of ${JSON.stringify(name)} does not listen for others`, ExitCode.denied);
      return { stream: control, address: message.listening };
    } catch (error) {
      stream.abort(error);
      signal.throwIfAborted();
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): CommandError {
    if (error instanceof CommandError) return error;
    const { name, reverse } = this.#forward;
    const denied = error instanceof GrpcError && error.status === Status.PERMISSION_DENIED;
    const code = denied ? ExitCode.denied : ExitCode.cannotCreate;
    const what = `the exposer of ${JSON.stringify(name)} does not listen on ${printAddress(reverse)}`;
    return new CommandError(`${what}: ${reasonOf(error)}`, code, { cause: error });
  }

  /** Takes connections until the forward is closed, and comes back after each loss. Never rejects. */
  async #run(first: Control): Promise<void> {
    const { signal } = this.#over;
    const { output } = this.#parts;
    const { name } = this.#forward;
    let control: Control | undefined = first;
    const backoff = new Backoff({ initialMs: firstRetryMs, maxMs: lastRetryMs, multiplier: 2, jitter: 0 });
    while (!signal.aborted) {
      try {
        control ??= await this.#open();
        this.#control = control;
        if (this.#problem !== undefined) {
          const address = printAddress(control.address);
          const text = `the exposer of ${JSON.stringify(name)} listens on ${address} again`;
          output.note("info", { event: "reverse-listening", name, address }, text);
        }
        this.#problem = undefined;
        backoff.reset();
        await this.#takeConnections(control.stream);
      } catch (error) {
        if (signal.aborted) break;
        const text = `the reverse forward at ${JSON.stringify(name)} is lost: ${reasonOf(error)}; trying again`;
        const isNew = this.#problem === undefined;
        if (isNew) output.note("warn", { event: "reverse-lost", name, error: reasonOf(error) }, text);
        this.#problem = reasonOf(error);
      }
      control?.stream.abort();
      control = undefined;
      await pause(backoff.next(), signal);
    }
    // The end of its stream frees the address at the exposer.
    await control?.stream.close({ closeTimeoutMs: 1_000 }).catch(() => {});
  }

  async #takeConnections(control: ObjectStream<Uint8Array>): Promise<void> {
    const { signal } = this.#over;
    for (let line = await control.receive({ signal }); line !== undefined; line = await control.receive({ signal })) {
      const message = parseReverseMessage(line);
      if ("connection" in message) void this.#carry(message.connection, message.peer);
    }
    throw new Error("the exposer has ended it");
  }

  /** Dials for a connection that the exposer has accepted, and joins it to the target. Never rejects. */
  async #carry(id: string, peerText: string): Promise<void> {
    const { access, connections, output } = this.#parts;
    const { name, target } = this.#forward;
    const peer = printable(peerText.slice(0, maxPeerChars));
    if (this.#dialling >= maxDialling) {
      connections.refused(`${maxDialling} connections of a reverse forward are being taken, and no more are`, {
        name,
        peer,
      });
      return;
    }
    this.#dialling += 1;
    try {
      const { onResumption } = connections;
      const signal = AbortSignal.any([this.#over.signal, this.#parts.signal]);
      const options = { waitMs: 5_000, signal, metadata: { [reverseTakeKey]: id }, onResumption };
      const stream = await dialPatiently(name, access, options);
      connections.carry(stream, { name, peer }, (aborted) => reachTarget(target, aborted));
    } catch (error) {
      if (this.#over.signal.aborted) return;
      const text = `a connection for ${printTarget(target)} was missed: ${reasonOf(error)}`;
      output.note("warn", { event: "connection-missed", name, error: reasonOf(error) }, text, { repeated: true });
    } finally {
      this.#dialling -= 1;
    }
  }
}
