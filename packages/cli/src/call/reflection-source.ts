/** The schema that a gRPC server tells by its reflection, in version v1, or v1alpha where the server has only that. */
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  type AnyService,
  type Channel,
  type ClientCall,
  createClient,
  GrpcError,
  protobufCodec,
  Status,
} from "@trunkline/grpc";
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "@trunkline/grpc/reflection";
import type { Metadata } from "@trunkline/metadata";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { printable } from "../format.js";
import { registryOf, wellKnownFile } from "./file-registry.js";
import type { Described, SchemaSource } from "./schema.js";

/** The files that a server may describe, and their bytes: a large API has some hundred of them. */
export const maxReflectedFiles = 5_000;
export const maxReflectedBytes = 67_108_864;

/** Options of a source of reflection. */
export interface ReflectionOptions {
  /** The address of the server, for messages. */
  readonly address: string;
  /** The metadata of the call, as a server may ask for a token. */
  readonly metadata: Metadata;
  readonly signal: AbortSignal;
}

type Query = NonNullable<ServerReflectionRequest["messageRequest"]> & { readonly case: string };
type Call = ClientCall<{ readonly messageRequest: Query }, ServerReflectionResponse>;

/** The service of v1alpha, whose messages differ from those of v1 in the name of their package only. */
const reflectionV1Alpha = {
  typeName: "grpc.reflection.v1alpha.ServerReflection",
  methods: {
    serverReflectionInfo: {
      kind: "bidi_streaming",
      path: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      request: protobufCodec(ServerReflectionRequestSchema),
      response: protobufCodec(ServerReflectionResponseSchema),
    },
  },
} as const;

/** One call of reflection, on which all questions are asked. */
export class ReflectionSource implements SchemaSource {
  readonly name: string;
  readonly #channel: Channel;
  readonly #options: ReflectionOptions;
  readonly #files = new Map<string, FileDescriptorProto>();
  #bytes = 0;
  #call: Call | undefined;
  #isAlpha = false;

  constructor(channel: Channel, options: ReflectionOptions) {
    this.name = `the reflection of ${options.address}`;
    this.#channel = channel;
    this.#options = options;
  }

  async services(): Promise<readonly string[]> {
    const answer = await this.#ask({ case: "listServices", value: "" });
    if (answer?.case !== "listServicesResponse") throw this.#malformed("lists no services");
    return answer.value.service.map(({ name }) => name).sort();
  }

  async find(symbol: string): Promise<Iterable<Described> | undefined> {
    const found = await this.#fetch({ case: "fileContainingSymbol", value: symbol });
    if (found === undefined) return undefined;
    for (;;) {
      const missing = [...this.#files.values()]
        .flatMap(({ dependency }) => dependency)
        .find((name) => !this.#has(name));
      if (missing === undefined) break;
      const files = await this.#fetch({ case: "fileByFilename", value: missing });
      if (files === undefined || !this.#has(missing)) throw this.#malformed(`has no file ${JSON.stringify(missing)}`);
    }
    try {
      return registryOf(this.#files);
    } catch (error) {
      throw this.#malformed(`has files that do not fit together: ${reasonOf(error)}`, error);
    }
  }

  /** Ends the call. */
  close(): void {
    this.#call?.cancel();
  }

  #has(name: string): boolean {
    return this.#files.has(name) || wellKnownFile(name) !== undefined;
  }

  /** Asks for files and keeps them; undefined where the server does not know them. */
  async #fetch(query: Query): Promise<readonly FileDescriptorProto[] | undefined> {
    const answer = await this.#ask(query);
    if (answer?.case === "errorResponse" && answer.value.errorCode === Status.NOT_FOUND) return undefined;
    if (answer?.case === "errorResponse")
      throw this.#malformed(`answers with an error: ${printable(answer.value.errorMessage)}`);
    if (answer?.case !== "fileDescriptorResponse") throw this.#malformed("answers something else than was asked for");
    return answer.value.fileDescriptorProto.map((bytes) => this.#keep(bytes));
  }

  #keep(bytes: Uint8Array): FileDescriptorProto {
    this.#bytes += bytes.length;
    if (this.#files.size >= maxReflectedFiles || this.#bytes > maxReflectedBytes)
      throw this.#malformed(`describes more than ${maxReflectedFiles} files or ${maxReflectedBytes} bytes`);
    try {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      this.#files.set(file.name, file);
      return file;
    } catch (error) {
      throw this.#malformed(`has a file that cannot be decoded: ${reasonOf(error)}`, error);
    }
  }

  /** Asks one question, first of v1, then of v1alpha. @throws GrpcError of the call */
  async #ask(query: Query): Promise<ServerReflectionResponse["messageResponse"]> {
    for (;;) {
      this.#call ??= this.#open();
      try {
        await this.#call.send({ messageRequest: query });
        const answer = await this.#call.receive();
        if (answer === undefined) throw this.#malformed("ends without an answer");
        return answer.messageResponse;
      } catch (error) {
        if (!(error instanceof GrpcError) || error.status !== Status.UNIMPLEMENTED) throw error;
        if (this.#isAlpha) throw noReflection(this.#options.address, error);
        this.#isAlpha = true;
        this.#call = undefined;
      }
    }
  }

  #open(): Call {
    const { metadata, signal } = this.#options;
    const service: AnyService = this.#isAlpha ? reflectionV1Alpha : ServerReflection;
    const client = createClient(service as typeof ServerReflection, this.#channel);
    return client.serverReflectionInfo.open({ metadata, signal }) as unknown as Call;
  }

  #malformed(what: string, cause?: unknown): CommandError {
    return new CommandError(`${this.name} ${what}`, ExitCode.rejected, { cause });
  }
}

function noReflection(address: string, cause: unknown): CommandError {
  const message = `${address} has no reflection: describe its services by --proto or --descriptor-set`;
  return new CommandError(message, ExitCode.rejected, { cause });
}
