/** One HTTP/2 connection of a server: requests come in, each becomes a call or is refused. */
import type { Duplex } from "node:stream";
import { Connection, type ConnectionHandler, type HeaderField, type StreamReset } from "@trunkline/h2";
import { ConnectionDriver, duplexTransport, nodeAscii } from "#platform";
import { endStream } from "../call/call-stream.js";
import { withSpreadAge } from "../connection/lifetime.js";
import type { Peer } from "../connection/peer.js";
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
import { type ServerCallHost, ServerCallStream } from "./server-call.js";
import type { ServerCore } from "./server-core.js";

type AnyCall = ServerCallStream<{}, {}>;

export class ServerConnection implements ConnectionHandler<AnyCall>, ServerCallHost {
  readonly http2: Connection<AnyCall>;
  readonly peer: Peer;
  readonly core: ServerCore;
  readonly #driver: ConnectionDriver;

  constructor(duplex: Duplex, peer: Peer, core: ServerCore) {
    this.peer = peer;
    this.core = core;
    const settings = { maxConcurrentStreams: core.maxConcurrentStreams, ...core.http2.settings };
    const lifetime = withSpreadAge(core.lifetime, Math.random());
    this.http2 = new Connection(
      { role: "server", settings, limits: core.http2.limits ?? {}, lifetime, ascii: nodeAscii },
      this,
    );
    this.#driver = new ConnectionDriver(this.http2 as Connection<never>, duplexTransport(duplex), {
      clock: core.clock,
    });
  }

  /** Settles when the transport is closed. */
  get done(): Promise<void> {
    return this.#driver.done;
  }

  /** Takes no more calls; over with the last of those it has. */
  close(): void {
    this.#driver.close();
  }

  /** Ends all calls with an error, without waiting for their handlers, and then the connection. */
  abort(error: GrpcError): void {
    for (const { streamId, context: call } of this.http2.contexts()) {
      call.fail(error, true);
      this.http2.release(streamId);
    }
  }

  /** At once. */
  destroy(cause: Error): void {
    this.#driver.destroy(cause);
  }

  finished(streamId: number): void {
    this.http2.release(streamId);
  }

  onHeaders(streamId: number, fields: readonly HeaderField[], ended: boolean): void {
    const request = readRequest(fields);
    if (request.method !== "POST") {
      this.#refuse(streamId, [{ name: ":status", value: "405" }]);
      return;
    }
    const json = isGrpcJsonContentType(request.contentType);
    const found = this.core.methods.get(request.path);
    if (
      (!json && !isGrpcContentType(request.contentType)) ||
      (json && found !== undefined && found.json === undefined)
    ) {
      this.#refuse(streamId, [{ name: ":status", value: "415" }]);
      return;
    }
    const served = json ? found?.json : found;
    if (served === undefined) {
      this.#refuseWith(streamId, request, Status.UNIMPLEMENTED, this.core.methods.describeMissing(request.path));
      return;
    }
    if (Number.isNaN(request.timeoutMs)) {
      this.#refuseWith(streamId, request, Status.INTERNAL, "malformed grpc-timeout");
      return;
    }
    const { encoding } = request;
    const { compressions } = this.core;
    if (!compressions.knows(encoding)) {
      const message = `grpc-encoding ${JSON.stringify(encoding)} is not known here (${compressions.acceptEncoding})`;
      this.#refuseWith(streamId, request, Status.UNIMPLEMENTED, message, [
        acceptEncodingField(compressions.acceptEncoding),
      ]);
      return;
    }
    const call: AnyCall = new ServerCallStream(this, streamId, served, request, fields);
    this.http2.setContext(streamId, call);
    call.begin(ended);
  }

  #refuseWith(
    streamId: number,
    request: RequestHeaders,
    status: Status,
    message: string,
    more: readonly HeaderField[] = [],
  ): void {
    this.#refuse(streamId, [...responseHead(request.contentType), ...more, ...trailerFields(status, message, [])]);
  }

  /** An answer without a call. */
  #refuse(streamId: number, fields: readonly HeaderField[]): void {
    this.http2.sendHeaders(streamId, fields, endStream);
    this.http2.release(streamId);
  }

  onData(_streamId: number, data: Uint8Array, ended: boolean, call: AnyCall): void {
    call.onData(data, ended);
  }

  onTrailers(_streamId: number, _fields: readonly HeaderField[], call: AnyCall): void {
    call.onTrailers();
  }

  onReset(_streamId: number, reset: StreamReset, call: AnyCall): void {
    call.onReset(reset);
  }

  onWritable(_streamId: number, call: AnyCall): void {
    call.onWritable();
  }

  onClose(): void {
    // Every call has had its reset; the server hears of it by `done`.
  }
}
