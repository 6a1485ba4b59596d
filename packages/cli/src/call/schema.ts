/**
 * The schema of a gRPC server: its services and the messages that they take. It comes from the server's reflection or
 * from files, and grows as symbols are asked for.
 */
import { createMutableRegistry, type DescMethod, type DescService, type MutableRegistry } from "@bufbuild/protobuf";
import { file_google_rpc_error_details } from "@trunkline/grpc/details";
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { printable } from "../format.js";

/** A source of descriptions, by names such as `acme.v1.Greeter`. */
export interface SchemaSource {
  /** The origin of the descriptions, for messages: `the reflection of localhost:50051`. */
  readonly name: string;
  /** Returns the full names of all services. @throws CommandError */
  services(): Promise<readonly string[]>;
  /** Returns the file types that hold a symbol, undefined for one that is not known. @throws CommandError */
  find(symbol: string): Promise<Iterable<Described> | undefined>;
}

/** One description: a service, a message, an enum or an extension. */
export type Described = NonNullable<ReturnType<MutableRegistry["get"]>>;

/** The times that JSON is tried again because it has a `google.protobuf.Any` of a type that was not known before. */
const maxUnknownTypes = 100;

/** All descriptions that are known so far. */
export class Schema {
  readonly source: SchemaSource;
  readonly registry: MutableRegistry = createMutableRegistry(file_google_rpc_error_details);

  constructor(source: SchemaSource) {
    this.source = source;
  }

  /** Returns the description of a name. @throws CommandError for one that is not known */
  async get(name: string): Promise<Described> {
    await this.#load(name);
    const found = this.registry.get(name);
    if (found !== undefined) return found;
    throw unknown(`${this.source.name} does not know ${JSON.stringify(printable(name))}`);
  }

  /**
   * Returns a method by `package.Service/Method` or `package.Service.Method`. @throws CommandError for one that is not
   * there, and for text that is no such name
   */
  async method(text: string): Promise<DescMethod> {
    const [, serviceName, methodName] = /^\/?([\w.]+)[/.](\w+)$/.exec(text) ?? [];
    if (serviceName === undefined || methodName === undefined) {
      const message = `method ${JSON.stringify(text)} must be a service and a method, as acme.v1.Greeter/SayHello`;
      throw new CommandError(message, ExitCode.usage);
    }
    const service = await this.service(serviceName);
    const method = service.methods.find(({ name }) => name === methodName);
    if (method !== undefined) return method;
    const names = service.methods.map(({ name }) => name).join(", ");
    throw unknown(`${serviceName} has no method ${JSON.stringify(methodName)}; it has ${names || "none"}`);
  }

  /** Returns a service by its full name. @throws CommandError for one that is not there */
  async service(name: string): Promise<DescService> {
    const found = await this.get(name);
    if (found.kind === "service") return found;
    throw unknown(`${JSON.stringify(name)} is of the kind ${found.kind}, and no service`);
  }

  /**
   * Calls `convert`, which reads or writes JSON with the registry, and again after each type of a
   * `google.protobuf.Any` that was still to be looked up. @throws the error of `convert`
   */
  async converting<Result>(convert: () => Result): Promise<Result> {
    for (let tries = 0; ; tries += 1) {
      try {
        return convert();
      } catch (error) {
        const name = missingType(error);
        if (name === undefined || tries === maxUnknownTypes || this.registry.get(name) !== undefined) throw error;
        await this.#load(name);
        if (this.registry.get(name) === undefined) throw error;
      }
    }
  }

  async #load(name: string): Promise<void> {
    if (this.registry.get(name) !== undefined) return;
    for (const each of (await this.source.find(name)) ?? []) this.registry.add(each);
  }
}

/** Returns the type that protobuf-es has missed in its registry, by its message. */
function missingType(error: unknown): string | undefined {
  const [, url] = /google\.protobuf\.Any .*?"?([^"\s]+)"? is not in the type registry/.exec(String(error)) ?? [];
  return url?.slice(url.lastIndexOf("/") + 1);
}

function unknown(message: string): CommandError {
  return new CommandError(message, ExitCode.unknownName);
}
