/** The methods that a server implements, by the paths of their requests. */
import type { ServerInterceptor } from "../hooks/interceptor.js";
import type { Method } from "../service/method.js";
import { type AnyService, resolveService } from "../service/resolution.js";
import { type HandlerRunner, runnerOf } from "./handler-runner.js";

/** A method with its handler. */
export interface ServedMethod extends HandlerRunner {
  readonly method: Method;
  /** The same method for requests in the JSON form of protobuf, where it has one. */
  readonly json: ServedMethod | undefined;
  /** The interceptors of the method, the outermost first; undefined where there are none. */
  readonly interceptors: readonly ServerInterceptor[] | undefined;
}

export class MethodTable {
  readonly #methods: Map<string, ServedMethod> = new Map();
  /** The names of the services, which tell an unknown method from an unknown service. */
  readonly #services: Set<string> = new Set();

  /** Adds the methods of a service. @throws TypeError for what is no service or was added already, or an implementation without any handler */
  add(service: AnyService, implementation: object, interceptors: readonly ServerInterceptor[] = []): void {
    const { typeName, methods } = resolveService(service);
    if (typeof implementation !== "object" || implementation === null)
      throw new TypeError(`the implementation of ${typeName} must be an object`);
    if (this.#services.has(typeName)) throw new TypeError(`service ${typeName} was added already`);
    const handlers = implementation as Record<string, unknown>;
    const served = methods.flatMap((method) => {
      const handler = method.names.map((name) => handlers[name]).find((one) => one !== undefined);
      return handler === undefined ? [] : [serve(method, runnerOf(method, handler, implementation), interceptors)];
    });
    if (served.length === 0) {
      const names = methods.map((method) => method.names[0]);
      throw new TypeError(`the implementation of ${typeName} has none of its methods (${names.join(", ")})`);
    }
    this.#services.add(typeName);
    for (const one of served) this.#methods.set(one.method.path, one);
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

function serve(method: Method, runner: HandlerRunner, given: readonly ServerInterceptor[]): ServedMethod {
  const interceptors = given.length === 0 ? undefined : given;
  const json =
    method.json === undefined ? undefined : { method: method.json, json: undefined, interceptors, ...runner };
  return { method, json, interceptors, ...runner };
}
