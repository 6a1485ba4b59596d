/** The exposing side of reverse forwards: listens where diallers ask for it, and tells them of each connection. */
import { randomUUID } from "node:crypto";
import { type Clock, onAbort } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { RouterStream } from "@trunkline/router";
import { lines, type ObjectStream, streamMetadata } from "@trunkline/streams";
import type { SocketListener } from "@trunkline/streams/node";
import { reasonOf } from "../command-error.js";
import type { Connections, Report } from "../connections.js";
import {
  encodeReverseMessage,
  maxReverseLineBytes,
  reverseForwardKey,
  reverseListenKey,
  reverseTakeKey,
} from "../forward/reverse-wire.js";
import { listenOn, peerOf } from "../sockets.js";
import { parseListen, printAddress } from "../target.js";
import type { ReverseRules } from "./reverse-rules.js";

/** The most addresses that one command listens on for others. */
const maxListeners = 100;
/** The time in which the dialler has to take a connection. */
const takeTimeoutMs = 20_000;

/** The dialler of a stream, and the name that it has dialled. */
export interface Dialler {
  readonly name: string;
  /** The identity for people, or the router where it does not tell. */
  readonly peer: string;
}

interface Listening {
  readonly peer: string;
  /** Ends the listening, and resolves when the address is free. */
  end(reason: Error): Promise<void>;
}

/** A connection that has come, and that its dialler has not taken yet. */
interface Waiting extends Dialler {
  take(stream: RouterStream): void;
}

export interface ReverseListenersOptions {
  readonly rules: ReverseRules;
  readonly connections: Connections;
  readonly report: Report;
  readonly clock: Clock;
}

export class ReverseListeners {
  readonly #options: ReverseListenersOptions;
  /** The addresses that are listened on, by the name of the forward. */
  readonly #listening = new Map<string, Listening>();
  readonly #waiting = new Map<string, Waiting>();

  constructor(options: ReverseListenersOptions) {
    this.#options = options;
  }

  /** Takes a stream that belongs to a reverse forward. Returns false where it is another one. */
  take(stream: RouterStream, dialler: Dialler): boolean {
    const metadata = stream.extra(streamMetadata);
    const address = metadata?.get(reverseListenKey);
    const id = metadata?.get(reverseTakeKey);
    if (typeof address === "string") {
      const forward = String(metadata?.get(reverseForwardKey) ?? randomUUID());
      this.#serve(stream, address, forward, dialler).catch((error: unknown) => stream.abort(error));
      return true;
    }
    if (typeof id !== "string") return false;
    const waiting = this.#waiting.get(id);
    if (waiting?.peer === dialler.peer && waiting.name === dialler.name) waiting.take(stream);
    else stream.abort(new GrpcError(Status.FAILED_PRECONDITION, "no connection of a reverse forward waits for this"));
    return true;
  }

  /** Ends all listening; open connections go on. */
  async close(): Promise<void> {
    const ended = new GrpcError(Status.UNAVAILABLE, "the exposer has ended");
    await Promise.all(Array.from(this.#listening.values(), (listening) => listening.end(ended)));
  }

  /** Listens until the dialler ends its stream. @throws GrpcError that the dialler is told */
  async #serve(stream: RouterStream, text: string, forward: string, dialler: Dialler): Promise<void> {
    const { report } = this.#options;
    // Its own earlier stream may have been lost without a word.
    const before = this.#listening.get(forward);
    if (before?.peer === dialler.peer) await before.end(new GrpcError(Status.UNAVAILABLE, "it has come back"));
    const listener = await this.#listen(text, dialler);
    const over = new AbortController();
    const control = lines(stream, { maxLineBytes: maxReverseLineBytes });
    const listening: Listening = {
      peer: dialler.peer,
      end: async (reason) => {
        over.abort(reason);
        await listener.close();
      },
    };
    this.#listening.set(forward, listening);
    const address = printAddress(listener.address);
    const fields = { name: dialler.name, address, peer: dialler.peer };
    report("info", { event: "reverse-listening", ...fields }, `listening on ${address} for ${dialler.peer}`);
    try {
      const { host, port } = listener.address as { readonly host: string; readonly port: number };
      await control.send(encodeReverseMessage({ listening: { host, port } }));
      await Promise.race([this.#accept(listener, control, dialler), this.#ended(control, over.signal)]);
      await listener.close();
      await stream.close();
    } finally {
      await listener.close();
      if (this.#listening.get(forward) === listening) this.#listening.delete(forward);
      report("info", { event: "reverse-ended", ...fields }, `no longer listening on ${address} for ${dialler.peer}`);
    }
  }

  async #listen(text: string, { name }: Dialler): Promise<SocketListener> {
    const { rules, connections, report } = this.#options;
    try {
      const address = parseListen(text);
      if ("path" in address) throw new Error("a Unix socket is no address of a reverse forward");
      const refusal = rules.refusal(address);
      if (refusal !== undefined) throw new GrpcError(Status.PERMISSION_DENIED, refusal);
      if (this.#listening.size >= maxListeners) {
        const message = `this exposer listens on ${maxListeners} addresses for others, and on no more`;
        throw new GrpcError(Status.RESOURCE_EXHAUSTED, message);
      }
      return await listenOn(address, (error) => {
        if ((error as { code?: unknown }).code === "TOO_MANY_PENDING") connections.refused(error.message, { name });
        else report("error", { event: "listen-error", error: error.message }, error.message, { repeated: true });
      });
    } catch (error) {
      const refused = error instanceof GrpcError ? error : new GrpcError(Status.FAILED_PRECONDITION, reasonOf(error));
      connections.refused(refused.message, { name });
      throw refused;
    }
  }

  /** Tells the dialler of each connection, no faster than it takes the news. */
  async #accept(listener: SocketListener, control: ObjectStream<Uint8Array>, dialler: Dialler): Promise<void> {
    const { connections } = this.#options;
    for await (const socket of listener) {
      const id = randomUUID();
      const peer = peerOf(socket);
      connections.carry(socket, { name: dialler.name, peer }, (signal) => this.#taken(id, dialler, signal));
      if (this.#waiting.has(id)) await control.send(encodeReverseMessage({ connection: id, peer }));
    }
  }

  /** Returns the stream with which the dialler takes a connection. */
  #taken(id: string, dialler: Dialler, signal: AbortSignal): Promise<RouterStream> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const over = (): void => {
        cancel();
        forget();
        this.#waiting.delete(id);
      };
      const fail = (error: unknown): void => {
        over();
        reject(error);
      };
      const late = new Error(`the connecting side has not taken the connection within ${takeTimeoutMs} ms`);
      const cancel = clock.at(clock.nowMs() + takeTimeoutMs, () => fail(late), "work");
      const forget = onAbort(signal, () => fail(signal.reason));
      const take = (stream: RouterStream): void => {
        over();
        resolve(stream);
      };
      this.#waiting.set(id, { ...dialler, take });
    });
  }

  /** Resolves when the dialler ends its stream. @throws the error with which it breaks, or the signal's reason */
  async #ended(control: ObjectStream<Uint8Array>, signal: AbortSignal): Promise<void> {
    const message = await control.receive({ signal });
    if (message !== undefined)
      throw new GrpcError(Status.INVALID_ARGUMENT, "the connecting side of a reverse forward sends nothing");
  }
}
