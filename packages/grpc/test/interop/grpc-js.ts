/**
 * @grpc/grpc-js at one end and ours at the other, over TCP on 127.0.0.1: both directions, and what one test needs of the
 * foreign end. "Their" is grpc-js's, "our" is trunkline's.
 */
import { Buffer } from "node:buffer";
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

const method = (name: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<RequestInit, ReplyInit> => ({
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

/** How a call ended for a grpc-js client, and all that it got before. */
export interface TheirOutcome {
  readonly messages: EchoReply[];
  /** Undefined where the server answered with a status alone. */
  readonly initial: grpc.Metadata | undefined;
  readonly status: grpc.StatusObject;
}

/** What a grpc-js client's call is, whatever its kind. */
type AnyCall =
  | grpc.ClientUnaryCall
  | grpc.ClientReadableStream<EchoReply>
  | grpc.ClientWritableStream<RequestInit>
  | grpc.ClientDuplexStream<RequestInit, EchoReply>;

export interface TheirCall<Call extends AnyCall> {
  readonly call: Call;
  /** Never rejects. */
  readonly outcome: Promise<TheirOutcome>;
}

/** A grpc-js client whose calls give one outcome each. */
export class TheirClient {
  readonly #client: grpc.Client;

  constructor(target: string, options: grpc.ClientOptions = {}) {
    this.#client = new grpc.Client(target, grpc.credentials.createInsecure(), options);
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
    return streamed(this.#client.makeServerStreamRequest(path, encoder(EchoRequestSchema), decodeReply, request, metadata, options));
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
    return streamed(this.#client.makeBidiStreamRequest(path, encoder(EchoRequestSchema), decodeReply, metadata, options));
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

function outcomeOf(call: AnyCall, messages: EchoReply[]): Promise<TheirOutcome> {
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

/** What both fixtures are: two ends that a test closes. */
export interface Ends {
  close(): Promise<void>;
}

/** Our server, and their client for it. */
export async function theirClientOfOurServer(
  implementation: Implementation<typeof Echo>,
  options: { server?: ServerOptions; client?: grpc.ClientOptions } = {},
): Promise<Ends & { client: TheirClient; server: Server; errors: Error[] }> {
  const errors: Error[] = [];
  const server = new Server({ onError: (error) => errors.push(error), ...options.server }).add(Echo, implementation);
  const client = new TheirClient(await server.listen("127.0.0.1:0"), options.client);
  return {
    client,
    server,
    errors,
    async close() {
      client.close();
      await server.close({ closeTimeoutMs: 0 });
    },
  };
}

/** Their server, and our client for it. */
export async function ourClientOfTheirServer(
  implementation: TheirImplementation,
  options: { server?: grpc.ServerOptions; channel?: ChannelOptions } = {},
): Promise<Ends & { client: Client<typeof Echo>; channel: Channel; server: grpc.Server }> {
  const server = new grpc.Server(options.server);
  server.addService(theirEcho, { ...implementation });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const channel = new Channel(`127.0.0.1:${port}`, options.channel);
  return {
    client: createClient(Echo, channel),
    channel,
    server,
    async close() {
      await channel.close({ closeTimeoutMs: 0 });
      server.forceShutdown();
    },
  };
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
