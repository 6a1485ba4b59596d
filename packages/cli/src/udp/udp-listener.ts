/** A local UDP port, where each source address is a flow of its own. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { type Clock, printAddress, type TcpAddress, withoutZone } from "@trunkline/base";
import type { ObjectStream } from "@trunkline/streams";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { type DatagramMemory, FlowStream } from "./flow-stream.js";
import { settle } from "./udp-target.js";

/** Options of a local UDP port. */
export interface UdpListenerOptions {
  readonly memory: DatagramMemory;
  readonly clock: Clock;
  readonly idleMs: number;
  /** The most flows, with those that rest. */
  readonly maxFlows: number;
  /** Called with each new flow, and the address of its source for people. */
  onFlow(flow: ObjectStream<Uint8Array>, peer: string): void;
  /** Called where a limit refuses a flow. */
  onRefused(reason: string): void;
  /** Called with troubles of the port, which goes on. */
  onError(error: Error): void;
}

/**
 * The time in which datagrams of a source are dropped after its flow was refused or broke: without it each of its
 * datagrams would dial anew.
 */
const restMs = 1_000;

/** Stands for the flow of a source whose datagrams are dropped for a while. */
type Rest = "resting";

/** A bound UDP port. */
export class UdpListener {
  readonly address: TcpAddress;
  readonly #socket: Socket;
  readonly #options: UdpListenerOptions;
  readonly #flows = new Map<string, FlowStream | Rest>();
  #closed = false;
  /** True once the socket is closed: it stays open for the answers to flows that go on. */
  #released = false;

  private constructor(socket: Socket, options: UdpListenerOptions) {
    this.#socket = socket;
    this.#options = options;
    const { address: host, port } = socket.address();
    this.address = { host, port };
    socket.on("message", (datagram, source) => this.#take(datagram, source));
    socket.on("error", (error) => options.onError(error));
  }

  /** Binds a port. @throws CommandError that names the address */
  static async bind(address: TcpAddress, options: UdpListenerOptions): Promise<UdpListener> {
    const socket = createSocket({ type: isIPv6(withoutZone(address.host)) ? "udp6" : "udp4" });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once("error", reject);
        socket.bind({ address: address.host, port: address.port, exclusive: true }, () => {
          socket.off("error", reject);
          resolve();
        });
      });
    } catch (error) {
      socket.close();
      const message = `cannot listen on udp:${printAddress(address)}: ${reasonOf(error)}`;
      throw new CommandError(message, ExitCode.cannotCreate, { cause: error });
    }
    return new UdpListener(socket, options);
  }

  /** Takes no new flows. Those that are open go on until they end or are aborted. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#releaseIfUnused();
  }

  #take(datagram: Buffer, source: RemoteInfo): void {
    const { port, address: host } = source;
    const key = `${host} ${port}`;
    const known = this.#flows.get(key);
    if (known instanceof FlowStream) known.deliver(datagram);
    else if (known === undefined && !this.#closed) this.#begin(key, datagram, { host, port });
  }

  #begin(key: string, datagram: Buffer, source: TcpAddress): void {
    const { memory, clock, idleMs, maxFlows, onFlow, onRefused } = this.#options;
    if (this.#flows.size >= maxFlows) {
      onRefused(`${maxFlows} flows of datagrams are open, and no more are taken`);
      return;
    }
    const flow = new FlowStream({
      memory,
      clock,
      idleMs,
      emit: (answer) =>
        new Promise((resolve, reject) => {
          if (this.#released) reject(new Error("the port was closed"));
          else this.#socket.send(answer, source.port, source.host, settle(resolve, reject));
        }),
      onOver: (aborted) => this.#onOver(key, aborted),
    });
    this.#flows.set(key, flow);
    flow.deliver(datagram);
    onFlow(flow, `udp:${printAddress(source)}`);
  }

  #onOver(key: string, aborted: boolean): void {
    this.#flows.delete(key);
    if (aborted && !this.#closed) {
      const { clock } = this.#options;
      this.#flows.set(key, "resting");
      clock.at(clock.nowMs() + restMs, () => this.#flows.delete(key), "watch");
    }
    this.#releaseIfUnused();
  }

  #releaseIfUnused(): void {
    const inUse = [...this.#flows.values()].some((flow) => flow instanceof FlowStream);
    if (!this.#closed || this.#released || inUse) return;
    this.#released = true;
    this.#socket.close();
  }
}
