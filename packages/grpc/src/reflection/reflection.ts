/** Server reflection: answers which services a server has, and with the files that describe them. */

import type { DescFile, MessageInitShape } from "@bufbuild/protobuf";
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import type { ServerCall } from "../contract/call.js";
import {
  ServerReflection as reflectionV1,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as reflectionV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.js";
import type { Implementation } from "../server/handlers.js";
import type { Server } from "../server/server.js";
import { resolveService } from "../service/resolution.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import { fileOfService } from "./files.js";
import { encodedFile, Symbols } from "./symbols.js";

/** Options of `addReflection`. */
export interface ReflectionOptions {
  /**
   * Further .proto files that are described: those of messages that no service names, because they travel in a
   * `google.protobuf.Any` or are extensions. Default: none.
   */
  readonly files?: readonly DescFile[] | undefined;
  /**
   * The number of calls at once; one more gets RESOURCE_EXHAUSTED. Nobody needs a token for them, and each holds a
   * stream until its client ends it. Default 100.
   */
  readonly maxReflectionCalls?: number | undefined;
}

const reflectionOptionNames = optionNames<ReflectionOptions>({ files: true, maxReflectionCalls: true });

/** The largest request: room for the longest names that anybody has, and no more. */
const maxReceiveMessageBytes = 8_192;

type Response = MessageInitShape<typeof ServerReflectionResponseSchema> & {};
type Answer = NonNullable<Response["messageResponse"]>;

/**
 * Adds reflection v1 and v1alpha to a server. It describes the services that the server has when it is asked, itself
 * included. Services whose descriptions carry no .proto file are listed, and no more: those of grpc-tools, ts-proto and
 * `{ typeName, methods }`. @throws TypeError if the server has reflection already,
 * RangeError for a limit out of its range
 */
export function addReflection(server: Server, options: ReflectionOptions = {}): void {
  checkOptionNames("addReflection", options, reflectionOptionNames);
  const maxReflectionCalls = wholeNumber("maxReflectionCalls", options.maxReflectionCalls ?? 100, 1);
  const reflection = new Reflection(server, options.files ?? [], maxReflectionCalls);
  const v1: Implementation<typeof reflectionV1> = {
    serverReflectionInfo: { open: (call) => reflection.serve(call) },
  };
  server.add(reflectionV1, v1, { maxReceiveMessageBytes });
  // The messages of the two versions differ in nothing but the name of their package.
  const v1Alpha = v1 as unknown as Implementation<typeof reflectionV1Alpha>;
  server.add(reflectionV1Alpha, v1Alpha, { maxReceiveMessageBytes });
}

class Reflection {
  readonly #server: Server;
  readonly #more: readonly DescFile[];
  readonly #maxCalls: number;
  #calls = 0;
  #symbols: Symbols = new Symbols();
  /** The number of the server's services whose files are in `#symbols`; -1 before the first request. */
  #serviceCount = -1;

  constructor(server: Server, more: readonly DescFile[], maxReflectionCalls: number) {
    this.#server = server;
    this.#more = more;
    this.#maxCalls = maxReflectionCalls;
  }

  /** Answers the requests of one call, until the client half-closes or the server closes. */
  async serve(call: ServerCall<ServerReflectionRequest, Response>): Promise<void> {
    if (this.#calls >= this.#maxCalls) {
      const message = `${this.#calls} calls of reflection are open, and no more may be (maxReflectionCalls)`;
      throw new GrpcError(Status.RESOURCE_EXHAUSTED, message);
    }
    this.#calls += 1;
    try {
      await this.#answers(call);
    } finally {
      this.#calls -= 1;
    }
  }

  async #answers(call: ServerCall<ServerReflectionRequest, Response>): Promise<void> {
    const sent = new Set<DescFile>();
    const signal = this.#server.closing;
    for (;;) {
      const request = await call.receive({ signal });
      if (request === undefined) return;
      const { host, messageRequest } = request;
      const messageResponse = this.#answer(messageRequest, sent);
      await call.send({ validHost: host, originalRequest: { host, messageRequest }, messageResponse });
    }
  }

  #answer(request: ServerReflectionRequest["messageRequest"], sent: Set<DescFile>): Answer {
    switch (request.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: this.#services() } };
      case "fileByFilename":
        return fileAnswer(this.#current().file(request.value), sent, "file", request.value);
      case "fileContainingSymbol":
        return fileAnswer(this.#current().fileOf(request.value), sent, "symbol", request.value);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = request.value;
        const file = this.#current().fileOfExtension(containingType, extensionNumber);
        return fileAnswer(file, sent, `extension ${extensionNumber} of`, containingType);
      }
      case "allExtensionNumbersOfType": {
        const numbers = this.#current().extensionNumbers(request.value);
        if (numbers === undefined) return notFound("message", request.value);
        const value = { baseTypeName: request.value, extensionNumber: numbers };
        return { case: "allExtensionNumbersResponse", value };
      }
      default:
        return failure(Status.INVALID_ARGUMENT, "the request asks for nothing that is known here");
    }
  }

  #services(): { name: string }[] {
    const names = this.#server.services.map((service) => resolveService(service).typeName);
    return names.sort().map((name) => ({ name }));
  }

  /** Returns the symbols of all services that the server has now. */
  #current(): Symbols {
    const { services } = this.#server;
    if (services.length !== this.#serviceCount) {
      this.#symbols = new Symbols();
      const files = services.map(fileOfService).filter((file) => file !== undefined);
      for (const file of [...files, ...this.#more]) this.#symbols.add(file);
      this.#serviceCount = services.length;
    }
    return this.#symbols;
  }
}

/** Answers with a file and with those of its imports that the call has not sent yet, the file itself first. */
function fileAnswer(file: DescFile | undefined, sent: Set<DescFile>, kind: string, name: string): Answer {
  if (file === undefined) return notFound(kind, name);
  const files = new Set([file]);
  for (const one of files) for (const imported of one.dependencies) if (!sent.has(imported)) files.add(imported);
  for (const one of files) sent.add(one);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: Array.from(files, encodedFile) } };
}

function notFound(kind: string, name: string): Answer {
  return failure(Status.NOT_FOUND, `${kind} ${JSON.stringify(name)} is not known here`);
}

function failure(status: Status, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode: status, errorMessage } };
}
