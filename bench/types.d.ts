/**
 * The interfaces between the parts of the benchmarks. A subject knows a runtime and nothing of scenarios; a scenario
 * knows these interfaces and nothing of runtimes, so that every subject does the same work.
 */

/** A listening process's inside: where it listens on 127.0.0.1, and its end. */
export interface Running {
  readonly port: number;
  close(): Promise<void>;
}

/** The ports of the processes of a run that were started before. */
export interface Ports {
  readonly server?: number;
  readonly middle?: number;
}

/** A runtime that serves and calls `BenchService` of proto/bench.proto, with its defaults, over plaintext. */
export interface GrpcSubject {
  startServer(): Promise<Running>;
  /** One connection. */
  connect(port: number): Promise<GrpcClient>;
  /**
   * Opens one connection whose calls carry what those of real programs do: an interceptor, a deadline and five entries
   * of metadata on every call.
   */
  connectDressed?(port: number): Promise<GrpcClient>;
}

export interface GrpcClient {
  /** One unary call; the payload of the answer. */
  echo(payload: Uint8Array): Promise<Uint8Array>;
  /** Opens one bidirectional stream. */
  pingPong(): Promise<PingPong>;
  /**
   * Sends messages one way, as fast as the runtime lets it, until `isOver()`; then ends and waits for what has arrived.
   */
  upload(payload: Uint8Array, isOver: () => boolean): Promise<{ sent: number; receivedBytes: number }>;
  close(): Promise<void>;
}

export interface PingPong {
  /** Sends a message and waits for the answer; never called twice at once. */
  roundTrip(payload: Uint8Array): Promise<Uint8Array>;
  /** Ends the stream and waits for its good end. */
  end(): Promise<void>;
}

/** The kinds of scenario: HPACK, messages, bare HTTP/2, gRPC calls, byte streams through a process between them. */
export type Kind = "hpack" | "codec" | "h2" | "grpc" | "tunnel";

/** Bodies exchanged over one connection, with the runtime's defaults. */
export interface H2Subject {
  startServer(tls: boolean): Promise<Running>;
  connect(port: number, tls: boolean): Promise<H2Client>;
}

export interface H2Client {
  /** The body of the answer, which is the request's. */
  echo(body: Uint8Array): Promise<Uint8Array>;
  /** Sends a body and returns how many bytes the server says have arrived. */
  count(body: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** A way for byte streams from a client to a server, by itself or through a process between them. */
export interface TunnelSubject {
  /** The process between them: a relay or a router. */
  startMiddle?(ports: Ports): Promise<Running>;
  startServer(ports: Ports, serve: (stream: ByteStream) => Promise<void>): Promise<Running>;
  connect(ports: Ports): Promise<TunnelClient>;
}

export interface TunnelClient {
  open(): Promise<ByteStream>;
  close(): Promise<void>;
}

/** The part of a stream that the scenarios use. Borders between chunks mean nothing. */
export interface ByteStream {
  /** Resolves when there is room for more. */
  send(chunk: Uint8Array): Promise<void>;
  /** The next bytes; `undefined` at the end. */
  receive(): Promise<Uint8Array | undefined>;
  sendEof(): Promise<void>;
  close(): Promise<void>;
}

/** An amount of work and the time it took. */
export interface Measurement {
  /** The work in the scenario's own unit: calls, messages, bytes, streams; the level where one is measured. */
  readonly amount: number;
  readonly elapsedMs: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly kind: Kind;
  /** `value = amount / perUnit`, a second unless it is a level. */
  readonly unit: string;
  readonly perUnit: number;
  /** The flags of every process that Node runs. */
  readonly nodeFlags?: readonly string[];
  /** True where the packages are measured as they are published, bundled. */
  readonly published?: boolean;
  /** True for TLS instead of plaintext. */
  readonly tls?: boolean;
  /** Streams on the same connection, or other connections, that are open beside the work and say nothing. */
  readonly beside?: { readonly streams: number } | { readonly connections: number };
  /** The time that every byte takes from one process to the other, in each direction. */
  readonly delayMs?: number;
  /**
   * The level that is measured where the result is no rate; a lower value is better. Memory: of this process, by what
   * the client opens and leaves open. Time: of the client, by itself.
   */
  readonly level?: { readonly memoryOf: "server" | "middle" } | "time";
}

/** The task of the relay that delays: the port behind it, and how late everything is, in each direction. */
export interface DelayTask {
  readonly port: number;
  readonly delayMs: number;
  readonly limitMs: number;
}

/** The task that the harness gives a process as one JSON argument. */
export interface Task {
  readonly subject: string;
  readonly role: "server" | "middle" | "client";
  readonly ports: Ports;
  readonly scenario: string;
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** The process ends by itself after that. */
  readonly limitMs: number;
}
