/** The methods that a server implements, by the paths of their requests. */
import { checkOptionNames, optionNames } from "@trunkline/base";
import { checkedMessageBytes } from "../call/defaults.js";
import type { ServerInterceptor } from "../hooks/interceptor.js";
import type { Method } from "../service/method.js";
import { type AnyService, resolveService } from "../service/resolution.js";
import { type HandlerRunner, runnerOf } from "./handler-runner.js";

/** A method with its handler. */
export interface ServedMethod extends HandlerRunner {
  readonly method: Method;
  /** The method for requests in the JSON form of protobuf, where it has one. */
  readonly json: ServedMethod | undefined;
  /** The interceptors of the method, the outermost first; undefined where there are none. */
  readonly interceptors: readonly ServerInterceptor[] | undefined;
  /** The largest request message; undefined where the server's limit applies. */
  readonly maxReceiveMessageBytes: number | undefined;
}

/** Options of one method of a service. */
export interface MethodOptions {
  /** The largest request message, in bytes, decompressed. Default: the service's limit, else the server's. */
  readonly maxReceiveMessageBytes?: number | undefined;
}

/** Options of one service of a server. */
export interface ServiceOptions {
  /**
   * Interceptors of the service's calls, inside of those of the server. Their `onRequest` sees the headers before any
   * message is awaited: the place to authenticate a caller, of whose message nothing but what its stream's first window
   * holds is then kept.
   */
  readonly interceptors?: readonly ServerInterceptor[] | undefined;
  /** The largest request message, in bytes, decompressed. Default: the server's limit. */
  readonly maxReceiveMessageBytes?: number | undefined;
  /** Options of single methods, by the names that the implementation uses. */
  readonly methods?: Readonly<Record<string, MethodOptions>> | undefined;
}

const serviceOptionNames = optionNames<ServiceOptions>({
  interceptors: true,
  maxReceiveMessageBytes: true,
  methods: true,
});

export class MethodTable {
  readonly #methods: Map<string, ServedMethod> = new Map();
  /** The services by their names, which tell an unknown method from an unknown service. */
  readonly #services: Map<string, AnyService> = new Map();

  /**
   * Adds the methods of a service. @throws TypeError for what is no service or was added already, an implementation
   * without any handler, or options of a method that does not exist; RangeError for a limit that is none
   */
  add(service: AnyService, implementation: object, options: ServiceOptions = {}): void {
    const { typeName, methods } = resolveService(service);
    checkOptionNames("Server.add", options, serviceOptionNames);
    if (typeof implementation !== "object" || implementation === null)
      throw new TypeError(`the implementation of ${typeName} must be an object`);
    if (this.#services.has(typeName)) throw new TypeError(`service ${typeName} was added already`);
    const handlers = implementation as Record<string, unknown>;
    const limits = new MethodLimits(typeName, methods, options);
    const served = methods.flatMap((method) => {
      const handler = method.names.map((name) => handlers[name]).find((one) => one !== undefined);
      return handler === undefined
        ? []
        : [serve(method, runnerOf(method, handler, implementation), options.interceptors, limits.of(method))];
    });
    if (served.length === 0) {
      const names = methods.map((method) => method.names[0]);
      throw new TypeError(`the implementation of ${typeName} has none of its methods (${names.join(", ")})`);
    }
    this.#services.set(typeName, service);
    for (const one of served) this.#methods.set(one.method.path, one);
  }

  /** The descriptions of the services, in the order in which they were added. */
  get services(): AnyService[] {
    return [...this.#services.values()];
  }

  get(path: string): ServedMethod | undefined {
    return this.#methods.get(path);
  }

  /** Returns the status message for a path that has no method. */
  describeMissing(path: string): string {
    const service = path.slice(1, path.indexOf("/", 1));
    return this.#services.has(service)
      ? `method ${path} is not implemented here`
      : `service ${service} is not implemented here`;
  }
}

/** The limits of a service's methods, from its options. */
class MethodLimits {
  readonly #options: ServiceOptions;

  constructor(typeName: string, methods: readonly Method[], options: ServiceOptions) {
    this.#options = options;
    for (const [name, { maxReceiveMessageBytes }] of Object.entries(options.methods ?? {})) {
      if (!methods.some(({ names }) => names.includes(name)))
        throw new TypeError(`the options of ${typeName} name the method ${name}, which it does not have`);
      if (maxReceiveMessageBytes !== undefined)
        checkedMessageBytes(`methods.${name}.maxReceiveMessageBytes`, maxReceiveMessageBytes, 0);
    }
    if (options.maxReceiveMessageBytes !== undefined)
      checkedMessageBytes("maxReceiveMessageBytes", options.maxReceiveMessageBytes, 0);
  }

  of({ names }: Method): number | undefined {
    const { methods = {}, maxReceiveMessageBytes } = this.#options;
    for (const name of names) {
      const own = methods[name]?.maxReceiveMessageBytes;
      if (own !== undefined) return own;
    }
    return maxReceiveMessageBytes;
  }
}

function serve(
  method: Method,
  runner: HandlerRunner,
  given: readonly ServerInterceptor[] | undefined,
  maxReceiveMessageBytes: number | undefined,
): ServedMethod {
  const interceptors = given === undefined || given.length === 0 ? undefined : given;
  const common = { interceptors, maxReceiveMessageBytes, ...runner };
  const json = method.json === undefined ? undefined : { method: method.json, json: undefined, ...common };
  return { method, json, ...common };
}
