/** One HTTP/2 connection of a server: requests come in, each becomes a call or is refused. */
import type { Duplex } from "node:stream";
import {
  Connection,
  type ConnectionHandler,
  ErrorCode,
  type H2Error,
  type HeaderField,
  type Http2Stream,
  type StreamHandler,
  type StreamReset,
} from "@trunkline/h2";
import { ConnectionDriver, duplexTransport, nodeAscii } from "#platform";
import { endStream } from "../call/outbox.js";
import { tellConnection } from "../connection/events.js";
import { withSpreadAge } from "../connection/lifetime.js";
import type { Peer } from "../connection/peer.js";
import type { CallExplanation } from "../contract/explanation.js";
import type { GrpcError } from "../wire/errors.js";
import {
  acceptEncodingField,
  isGrpcContentType,
  isGrpcJsonContentType,
  type RequestHeaders,
  readRequest,
  responseHead,
  trailerFields,
} from "../wire/headers.js";
import { Status } from "../wire/status.js";
import { errorOfReset } from "../wire/wire-status.js";
import { type ServerCallHost, ServerCallStream } from "./call.js";
import type { PlacedConnection } from "./connection-limit.js";
import type { ServerCore } from "./core.js";

export class ServerConnection implements ConnectionHandler, ServerCallHost, PlacedConnection {
  readonly #http2: Connection;
  readonly peer: Peer;
  readonly core: ServerCore;
  readonly #driver: ConnectionDriver;
  #loss: GrpcError | undefined;

  constructor(duplex: Duplex, peer: Peer, core: ServerCore) {
    this.peer = peer;
    this.core = core;
    const settings = { maxConcurrentStreams: core.maxConcurrentStreams, ...core.http2.settings };
    const lifetime = withSpreadAge(core.lifetime, Math.random());
    this.#http2 = new Connection(
      { role: "server", settings, limits: core.http2.limits ?? {}, lifetime, stripFieldSpace: true, ascii: nodeAscii },
      this,
    );
    this.#driver = new ConnectionDriver(this.#http2, duplexTransport(duplex), {
      clock: core.clock,
    });
    tellConnection("server", "ready", peer.address);
  }

  /** Settles when the transport is closed. */
  get done(): Promise<void> {
    return this.#driver.done;
  }

  get isIdle(): boolean {
    return this.#http2.activeStreams === 0;
  }

  /** Says what each of the calls waits for. */
  explain(): CallExplanation[] {
    const calls = this.#http2.handlers().filter((each) => each instanceof ServerCallStream);
    return calls.map((call) => call.explain());
  }

  /** Takes no more calls, and closes the connection when its last call has ended. */
  close(): void {
    this.#driver.close();
  }

  /** Ends all calls with an error, without waiting for their handlers, and then the connection. */
  abort(error: GrpcError): void {
    for (const call of this.#http2.handlers()) if (call instanceof ServerCallStream) call.abandon(error);
  }

  /** Closes the connection at once. */
  destroy(cause: Error): void {
    this.#driver.destroy(cause);
  }

  lossOf(reset: StreamReset): GrpcError {
    this.#loss ??= errorOfReset(reset, "the client");
    return this.#loss;
  }

  get peerMaxHeaderListSize(): number {
    return this.#http2.peerMaxHeaderListSize;
  }

  onRequest(stream: Http2Stream, fields: readonly HeaderField[], ended: boolean): StreamHandler | undefined {
    const request = readRequest(fields);
    if (request.method !== "POST") return refuse(stream, [{ name: ":status", value: "405" }]);
    const json = isGrpcJsonContentType(request.contentType);
    const found = this.core.methods.get(request.path);
    const lacksJson = json && found !== undefined && found.json === undefined;
    if ((!json && !isGrpcContentType(request.contentType)) || lacksJson)
      return refuse(stream, [{ name: ":status", value: "415" }]);
    const served = json ? found?.json : found;
    if (served === undefined)
      return this.#reject(stream, request, Status.UNIMPLEMENTED, this.core.methods.describeMissing(request.path));
    if (Number.isNaN(request.timeoutMs))
      return this.#reject(stream, request, Status.INTERNAL, "malformed grpc-timeout");
    const { encoding } = request;
    const { compressions } = this.core;
    if (!compressions.knows(encoding)) {
      const message = `grpc-encoding ${JSON.stringify(encoding)} is not known here (${compressions.acceptEncoding})`;
      const more = [acceptEncodingField(compressions.acceptEncoding)];
      return this.#reject(stream, request, Status.UNIMPLEMENTED, message, more);
    }
    const call = new ServerCallStream(this, stream, served, request, fields);
    call.begin(ended);
    return call;
  }

  /** Answers a request with a status and without a call. */
  #reject(
    stream: Http2Stream,
    request: RequestHeaders,
    status: Status,
    message: string,
    more: readonly HeaderField[] = [],
  ): undefined {
    const { methods, onRejected } = this.core;
    const { path } = request;
    onRejected?.({ path, known: methods.get(path) !== undefined, status });
    return refuse(stream, [...responseHead(request.contentType), ...more, ...trailerFields(status, message, [])]);
  }

  onGoAway(_lastStreamId: number, errorCode: ErrorCode): void {
    const cause =
      errorCode === ErrorCode.NO_ERROR ? undefined : new Error(`the client ends the connection with code ${errorCode}`);
    tellConnection("server", "goaway", this.peer.address, cause);
  }

  onClose(error: H2Error | undefined): void {
    // Every call has had its reset; the server hears of it by `done`.
    tellConnection("server", "closed", this.peer.address, error);
  }
}

/** Answers a request without a call. */
function refuse(stream: Http2Stream, fields: readonly HeaderField[]): undefined {
  stream.sendHeaders(fields, endStream);
  stream.release();
}
