/** The proxy through which Nest providers call gRPC services by `@trunkline/grpc`. */
import { ClientProxy } from "@nestjs/microservices";
import { brandKey, checkOptionNames, hasBrand, optionNames, wholeNumber } from "@trunkline/base";
import {
  type CallOptions,
  Channel,
  type ChannelOptions,
  createClient,
  type GrpcJsMethodDefinition,
  type Messages,
} from "@trunkline/grpc";
import { isObservable, Observable, takeUntil } from "rxjs";
import { type GrpcPackageOptions, type LoadedService, loadServices } from "./definitions.js";
import { toServiceError } from "./errors.js";
import { isGrpcJsMetadata, toMetadata } from "./metadata.js";
import { aborted, valuesOf } from "./observables.js";

/** Options of `GrpcClient`. */
export interface GrpcClientOptions extends GrpcPackageOptions {
  /** The target of the channel: `"host:port"`, `"dns:///host:port"`, `"unix:/path"`. Default `"localhost:5000"`. */
  readonly url?: string | undefined;
  /** TLS with these options of Node. Beyond loopback TLS is the default. */
  readonly tls?: ChannelOptions["tls"];
  /** Allows plaintext beyond loopback. Default false. */
  readonly plaintext?: boolean | undefined;
  /** Further options of the channel of `@trunkline/grpc`: interceptors, retries, keepalive, limits. */
  readonly channel?: ChannelOptions | undefined;
  /**
   * The number of values of a request's observable that may wait for a server that reads slowly; with one more, the
   * call fails with RESOURCE_EXHAUSTED. Observables cannot be told to wait. Default 100,000.
   */
  readonly maxBufferedMessages?: number | undefined;
}

const clientOptionNames = optionNames<GrpcClientOptions>({
  package: true,
  protoPath: true,
  packageDefinition: true,
  loader: true,
  url: true,
  tls: true,
  plaintext: true,
  channel: true,
  maxBufferedMessages: true,
});

/** A method of a service: what it gives is cold, and each subscription is a call. */
type ServiceMethod = (request: unknown, ...rest: unknown[]) => Observable<unknown>;

/** A method of a client whose definition was loaded. */
type Callable = (input: unknown, options: CallOptions) => Promise<unknown> & AsyncIterable<unknown>;

/**
 * The client: `ClientsModule.register([{ name, customClass: GrpcClient, options: { package, protoPath, url } }])`. What
 * is injected is used as Nest's own `ClientGrpc`: `getService("HeroService").findOne(request, metadata?, options?)`
 * returns an observable, whose unsubscription cancels the call. The third argument holds options of a call, such as
 * `{ timeoutMs: 500 }`.
 */
export class GrpcClient extends ClientProxy {
  readonly #services: readonly LoadedService[];
  readonly #channel: Channel;
  readonly #maxBuffered: number;

  /** Connects with the first call. @throws TypeError for an option, a definition or a target that cannot be used */
  constructor(options: GrpcClientOptions) {
    super();
    checkOptionNames("GrpcClient", options, clientOptionNames);
    const { url = "localhost:5000", tls, plaintext, channel } = options;
    this.#maxBuffered = wholeNumber("maxBufferedMessages", options.maxBufferedMessages ?? 100_000, 1);
    this.#services = loadServices(options);
    this.#channel = new Channel(url, {
      ...channel,
      ...(tls === undefined ? {} : { tls }),
      ...(plaintext === undefined ? {} : { plaintext }),
    });
  }

  /** Returns the methods of a service, under the names of the `.proto` file and in camel case. @throws TypeError */
  getService<T extends {}>(name: string): T {
    const service = this.#service(name);
    const client = createClient(service.definition as {}, this.#channel) as Readonly<Record<string, Callable>>;
    const methods: Record<string, ServiceMethod> = {};
    for (const [rpc, method] of Object.entries(service.definition)) {
      const call = this.#method(client[rpc] as Callable, method as GrpcJsMethodDefinition);
      methods[rpc] = call;
      methods[method.originalName ?? rpc] = call;
    }
    return methods as T;
  }

  /**
   * Returns the client of `@trunkline/grpc` for a service, whose methods give promises and iterables. @throws TypeError
   */
  getClientByServiceName<T = unknown>(name: string): T {
    return createClient(this.#service(name).definition as {}, this.#channel) as T;
  }

  #service(name: string): LoadedService {
    const service = this.#services.find((each) => each.name === name || each.fullName === name);
    if (service !== undefined) return service;
    const names = this.#services.map((each) => each.name).join(", ");
    throw new TypeError(`no service ${JSON.stringify(name)} in the package: there are ${names}`);
  }

  #method(call: Callable, { path, requestStream, responseStream }: GrpcJsMethodDefinition): ServiceMethod {
    return (request, ...rest) =>
      new Observable((subscriber) => {
        const controller = new AbortController();
        const options = { ...callOptions(rest), signal: controller.signal };
        const run = async (): Promise<void> => {
          const input = requestStream ? this.#requests(request, path, controller.signal) : request;
          const answer = call(input, options);
          if (responseStream) for await (const message of answer) subscriber.next(message);
          else subscriber.next(await answer);
          subscriber.complete();
        };
        run().catch((error: unknown) => subscriber.error(toServiceError(error)));
        return () => controller.abort();
      });
  }

  /** @throws TypeError for what is no stream of requests */
  #requests(given: unknown, path: string, signal: AbortSignal): Messages<{}> {
    if (isObservable(given))
      return valuesOf((given as Observable<{}>).pipe(takeUntil(aborted(signal))), this.#maxBuffered);
    const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = Object(given) as AsyncIterable<{}> &
      Iterable<{}>;
    if (typeof given === "object" && (async ?? sync) !== undefined) return given as Messages<{}>;
    throw new TypeError(`${path} takes many messages: give an observable or an (async) iterable of them`);
  }

  /** Connects, or says why that fails. */
  override async connect(): Promise<void> {
    await this.#channel.connect();
  }

  /** Takes no more calls, and lets those there are end, within five seconds. */
  override async close(): Promise<void> {
    await this.#channel.close();
  }

  /** Returns the channel. */
  override unwrap<T>(): T {
    return this.#channel as T;
  }

  override send(): never {
    throw new Error("gRPC has methods and no patterns: use getService(name)");
  }

  protected override publish(): never {
    throw new Error("gRPC has methods and no patterns: use getService(name)");
  }

  protected override dispatchEvent(): never {
    throw new Error("gRPC has methods and no events: use getService(name)");
  }
}

/** Returns the options of a call by the arguments after its request: metadata, options, or both in this order. */
function callOptions(rest: readonly unknown[]): CallOptions {
  const [first, second] = rest;
  const isMetadata = hasBrand(first, brandKey("Metadata")) || isGrpcJsMetadata(first) || second !== undefined;
  const options = (isMetadata ? second : first) as CallOptions | undefined;
  return { ...options, ...(isMetadata && first !== undefined ? { metadata: toMetadata(first) } : {}) };
}
