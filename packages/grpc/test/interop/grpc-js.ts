/**
 * @grpc/grpc-js at one end and ours at the other, over TCP on 127.0.0.1: both directions, and what one test needs of
 * the foreign end. "Their" is grpc-js's, "our" is trunkline's.
 */
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  Channel,
  type ChannelOptions,
  type Client,
  createClient,
  type Implementation,
  Server,
  type ServerOptions,
} from "../../src/index.js";
import { Echo, type EchoReply, EchoReplySchema, type EchoRequest, EchoRequestSchema } from "../gen/echo_pb.js";

export type RequestInit = MessageInitShape<typeof EchoRequestSchema>;
type ReplyInit = MessageInitShape<typeof EchoReplySchema>;

const encoder =
  <Schema extends DescMessage>(schema: Schema) =>
  (message: MessageInitShape<Schema>): Buffer =>
    Buffer.from(toBinary(schema, create(schema, message)));
const decodeRequest = (bytes: Buffer): EchoRequest => fromBinary(EchoRequestSchema, bytes);
const decodeReply = (bytes: Buffer): EchoReply => fromBinary(EchoReplySchema, bytes);

const method = (
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): grpc.MethodDefinition<RequestInit, ReplyInit> => ({
  path: `/${Echo.typeName}/${name}`,
  requestStream,
  responseStream,
  requestSerialize: encoder(EchoRequestSchema),
  requestDeserialize: decodeRequest,
  responseSerialize: encoder(EchoReplySchema),
  responseDeserialize: decodeReply,
});

const theirEcho = {
  say: method("Say", false, false),
  expand: method("Expand", false, true),
  collect: method("Collect", true, false),
  chat: method("Chat", true, true),
};

/** Handlers of a grpc-js server; methods left out are answered with UNIMPLEMENTED. */
export interface TheirImplementation {
  readonly say?: grpc.handleUnaryCall<EchoRequest, ReplyInit>;
  readonly expand?: grpc.handleServerStreamingCall<EchoRequest, ReplyInit>;
  readonly collect?: grpc.handleClientStreamingCall<EchoRequest, ReplyInit>;
  readonly chat?: grpc.handleBidiStreamingCall<EchoRequest, ReplyInit>;
}

/** The end of a call for a grpc-js client, with the messages before it. */
export interface TheirOutcome {
  readonly messages: EchoReply[];
  /** The initial metadata; undefined if the server answered with a status alone. */
  readonly initial: grpc.Metadata | undefined;
  readonly status: grpc.StatusObject;
}

/** A call of a grpc-js client, of any kind. */
type AnyCall =
  | grpc.ClientUnaryCall
  | grpc.ClientReadableStream<EchoReply>
  | grpc.ClientWritableStream<RequestInit>
  | grpc.ClientDuplexStream<RequestInit, EchoReply>;

export interface TheirCall<Call extends AnyCall> {
  readonly call: Call;
  /** The end of the call. This promise never rejects. */
  readonly outcome: Promise<TheirOutcome>;
}

/** A grpc-js client whose calls give one outcome each. */
export class TheirClient {
  readonly #client: grpc.Client;

  constructor(
    target: string,
    options: grpc.ClientOptions = {},
    credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
  ) {
    this.#client = new grpc.Client(target, credentials, options);
  }

  say(
    request: RequestInit,
    metadata: grpc.Metadata = new grpc.Metadata(),
    options: grpc.CallOptions = {},
  ): TheirCall<grpc.ClientUnaryCall> {
    const { path } = theirEcho.say;
    return single((answer) =>
      this.#client.makeUnaryRequest(path, encoder(EchoRequestSchema), decodeReply, request, metadata, options, answer),
    );
  }

  expand(
    request: RequestInit,
    metadata: grpc.Metadata = new grpc.Metadata(),
    options: grpc.CallOptions = {},
  ): TheirCall<grpc.ClientReadableStream<EchoReply>> {
    const { path } = theirEcho.expand;
    return streamed(
      this.#client.makeServerStreamRequest(path, encoder(EchoRequestSchema), decodeReply, request, metadata, options),
    );
  }

  collect(
    metadata: grpc.Metadata = new grpc.Metadata(),
    options: grpc.CallOptions = {},
  ): TheirCall<grpc.ClientWritableStream<RequestInit>> {
    const { path } = theirEcho.collect;
    return single((answer) =>
      this.#client.makeClientStreamRequest(path, encoder(EchoRequestSchema), decodeReply, metadata, options, answer),
    );
  }

  chat(
    metadata: grpc.Metadata = new grpc.Metadata(),
    options: grpc.CallOptions = {},
  ): TheirCall<grpc.ClientDuplexStream<RequestInit, EchoReply>> {
    const { path } = theirEcho.chat;
    return streamed(
      this.#client.makeBidiStreamRequest(path, encoder(EchoRequestSchema), decodeReply, metadata, options),
    );
  }

  /** A unary call of any path. */
  unary(path: string): TheirCall<grpc.ClientUnaryCall> {
    return single((answer) => this.#client.makeUnaryRequest(path, encoder(EchoRequestSchema), decodeReply, {}, answer));
  }

  close(): void {
    this.#client.close();
  }
}

function single<Call extends AnyCall>(start: (answer: grpc.requestCallback<EchoReply>) => Call): TheirCall<Call> {
  const messages: EchoReply[] = [];
  // grpc-js gives the answer before it emits the status.
  const call = start((_error, reply) => {
    if (reply !== undefined) messages.push(reply);
  });
  return { call, outcome: outcomeOf(call, messages) };
}

function streamed<Call extends grpc.ClientReadableStream<EchoReply>>(call: Call): TheirCall<Call> {
  const messages: EchoReply[] = [];
  call.on("data", (reply: EchoReply) => messages.push(reply));
  return { call, outcome: outcomeOf(call, messages) };
}

function outcomeOf(call: EventEmitter, messages: EchoReply[]): Promise<TheirOutcome> {
  return new Promise((resolve) => {
    let initial: grpc.Metadata | undefined;
    call.on("metadata", (metadata: grpc.Metadata) => {
      initial = metadata;
    });
    call.on("error", () => {}); // the status says as much
    call.on("status", (status: grpc.StatusObject) => {
      // Unary callbacks and the last "data" may come in the same turn after the status.
      setImmediate(() => resolve({ messages, initial, status }));
    });
  });
}

/** Our server, and their client for it. */
export async function theirClientOfOurServer(
  implementation: Implementation<typeof Echo>,
  options: { server?: ServerOptions; client?: grpc.ClientOptions } = {},
): Promise<AsyncDisposable & { client: TheirClient; server: Server; errors: Error[] }> {
  const errors: Error[] = [];
  const server = new Server({ onError: (error) => errors.push(error), ...options.server }).add(Echo, implementation);
  const client = new TheirClient(await server.listen("127.0.0.1:0"), options.client);
  return {
    client,
    server,
    errors,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close({ closeTimeoutMs: 0 });
    },
  };
}

/** A grpc-js server on an address, closed with its scope. */
export async function bindTheirServer(
  implementation: TheirImplementation,
  options: grpc.ServerOptions = {},
  address = "127.0.0.1:0",
  credentials: grpc.ServerCredentials = grpc.ServerCredentials.createInsecure(),
): Promise<AsyncDisposable & { server: grpc.Server; port: number }> {
  const server = new grpc.Server(options);
  server.addService(theirEcho, { ...implementation });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    server,
    port,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

/** Starts a server of grpc-js, and makes our client for it. */
export async function ourClientOfTheirServer(
  implementation: TheirImplementation,
  options: { server?: grpc.ServerOptions; channel?: ChannelOptions } = {},
): Promise<AsyncDisposable & { client: Client<typeof Echo>; server: grpc.Server }> {
  const bound = await bindTheirServer(implementation, options.server);
  const channel = new Channel(`127.0.0.1:${bound.port}`, options.channel);
  return {
    client: createClient(Echo, channel),
    server: bound.server,
    async [Symbol.asyncDispose]() {
      await channel.close({ closeTimeoutMs: 0 });
      await bound[Symbol.asyncDispose]();
    },
  };
}

/** A promise that a test waits for, with the function that resolves it. */
export interface Pending<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

export function pending<T>(): Pending<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** The usual answers, by grpc-js. */
export const theirEchoImplementation: Required<TheirImplementation> = {
  say: ({ request }, answer) => answer(null, { text: request.text, payload: request.payload, count: request.count }),
  expand(call) {
    for (let count = 0; count < call.request.count; count++) call.write({ text: call.request.text, count });
    call.end();
  },
  collect(call, answer) {
    const texts: string[] = [];
    let count = 0;
    call.on("data", (request: EchoRequest) => {
      texts.push(request.text);
      count += request.count;
    });
    call.on("end", () => answer(null, { text: texts.join(","), count }));
  },
  chat(call) {
    call.on("data", ({ text, payload, count }: EchoRequest) => call.write({ text, payload, count }));
    call.on("end", () => call.end());
  },
};
