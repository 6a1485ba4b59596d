/** The strategy that serves the gRPC handlers of a Nest microservice by `@trunkline/grpc`. */
import {
  type CustomTransportStrategy,
  type MessageHandler,
  Server as NestServer,
  ServerGrpc,
  Transport,
} from "@nestjs/microservices";
import { callObserver, checkOptionNames, optionNames, whenRejected, wholeNumber } from "@trunkline/base";
import {
  GrpcError,
  type GrpcJsMethodDefinition,
  Server,
  type ServerCall,
  type ServerListenOptions,
  type ServerOptions,
  Status,
} from "@trunkline/grpc";
import { firstValueFrom, lastValueFrom, type Observable, takeUntil } from "rxjs";
import { type GrpcPackageOptions, type LoadedService, loadServices } from "./definitions.js";
import { toGrpcError } from "./errors.js";
import { toMetadata } from "./metadata.js";
import { aborted, observe, valuesOf } from "./observables.js";
import { type GrpcServerCall, ServerCallView } from "./server-call.js";
import { GrpcServerDuplex } from "./server-duplex.js";

/** Options of `GrpcServer`. */
export interface GrpcServerOptions extends GrpcPackageOptions {
  /** The address to listen on, as `Server.listen` takes it. Default `"localhost:5000"`, as in Nest. */
  readonly url?: string | undefined;
  /** TLS with these options of Node. */
  readonly tls?: ServerListenOptions["tls"];
  /** Allows plaintext beyond loopback. Default false. */
  readonly plaintext?: boolean | undefined;
  /** Options of the server of `@trunkline/grpc`: limits, interceptors, keepalive, compression. */
  readonly server?: ServerOptions | undefined;
  /**
   * Called with the server before it listens, which waits for a promise: the place to add health, reflection and other
   * services.
   */
  readonly onServer?: ((server: Server) => void | Promise<void>) | undefined;
  /**
   * The number of values of a handler's observable that may wait for a client that reads slowly; with one more, the
   * call fails with RESOURCE_EXHAUSTED. Observables cannot be told to wait. Default 100,000.
   */
  readonly maxBufferedMessages?: number | undefined;
}

const serverOptionNames = optionNames<GrpcServerOptions>({
  package: true,
  protoPath: true,
  packageDefinition: true,
  loader: true,
  url: true,
  tls: true,
  plaintext: true,
  server: true,
  onServer: true,
  maxBufferedMessages: true,
});

/** The kinds of handlers, as the decorators of Nest name them. */
type Streaming = "no_stream" | "rx_stream" | "pt_stream";

type Call = ServerCall<{}, {}>;

/** A handler of `{ open(call) }`. */
interface Opened {
  open(call: Call): Promise<void>;
}

/**
 * The strategy: `createMicroservice(AppModule, { strategy: new GrpcServer({ package, protoPath, url }) })`. Handlers
 * are those of `@GrpcMethod`, `@GrpcStreamMethod` and `@GrpcStreamCall`, unchanged.
 */
export class GrpcServer extends NestServer implements CustomTransportStrategy {
  override readonly transportId: Transport = Transport.GRPC;
  readonly #options: GrpcServerOptions;
  readonly #maxBuffered: number;
  #server: Server | undefined;
  #address: string | undefined;

  /** @throws TypeError for an option that is not known */
  constructor(options: GrpcServerOptions) {
    super();
    checkOptionNames("GrpcServer", options, serverOptionNames);
    this.#options = options;
    this.#maxBuffered = wholeNumber("maxBufferedMessages", options.maxBufferedMessages ?? 100_000, 1);
  }

  /** The address that the server listens on; undefined before it does. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Loads the definitions and listens. `callback` gets an error if that fails. */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    const { url = "localhost:5000", tls, plaintext, server, onServer } = this.#options;
    try {
      this.#server = new Server(server);
      this.#bind(this.#server);
      await onServer?.(this.#server);
      this.#address = await this.#server.listen(url, { tls, plaintext });
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }

  /** Takes no more calls, and lets those there are end, within five seconds. */
  async close(): Promise<void> {
    await this.#server?.close();
  }

  /** Keeps a handler under its pattern as it is; those of gRPC are objects. */
  override addHandler(pattern: unknown, handler: MessageHandler, isEventHandler = false): void {
    handler.isEventHandler = isEventHandler;
    this.messageHandlers.set(typeof pattern === "string" ? pattern : JSON.stringify(pattern), handler);
  }

  on(): never {
    throw new Error("a gRPC server has no events: interceptors and the diagnostics channel tell what happens");
  }

  /** Returns the server of `@trunkline/grpc`. @throws Error before it listens */
  unwrap<T>(): T {
    if (this.#server === undefined) throw new Error("the server is there once the microservice listens");
    return this.#server as T;
  }

  /** Adds the services that have handlers, and warns of handlers whose method is in no service. */
  #bind(server: Server): void {
    const used = new Set<MessageHandler>();
    for (const service of loadServices(this.#options)) {
      const implementation: Record<string, unknown> = {};
      for (const [name, method] of Object.entries(service.definition)) {
        const found = this.#find(service, name, method as GrpcJsMethodDefinition);
        if (found === undefined) continue;
        used.add(found.handler);
        implementation[name] = this.#serve(found.handler, found.streaming, method as GrpcJsMethodDefinition);
      }
      if (Object.keys(implementation).length > 0) server.add(service.definition as {}, implementation as {});
    }
    for (const [pattern, handler] of this.messageHandlers)
      if (!used.has(handler) && pattern.includes('"rpc"'))
        this.logger.warn(
          `the handler of ${pattern} has no method: no service of the package has one of this name and kind`,
        );
  }

  #find(
    { name: service, fullName }: LoadedService,
    name: string,
    { originalName, requestStream }: GrpcJsMethodDefinition,
  ): { readonly handler: MessageHandler; readonly streaming: Streaming } | undefined {
    const kinds: Streaming[] = requestStream ? ["rx_stream", "pt_stream"] : ["no_stream"];
    for (const streaming of kinds) {
      for (const rpc of [name, originalName]) {
        for (const each of [service, fullName]) {
          const handler = this.messageHandlers.get(JSON.stringify({ service: each, rpc, streaming }));
          if (handler !== undefined) return { handler, streaming };
        }
      }
    }
    return undefined;
  }

  #serve(handler: MessageHandler, streaming: Streaming, method: GrpcJsMethodDefinition): unknown {
    const { path, requestStream, responseStream } = method;
    if (streaming === "pt_stream") return this.#passedThrough(handler, responseStream);
    if (!requestStream && !responseStream) {
      return (request: {}, call: Call) => {
        const view = new ServerCallView(call, request);
        return this.#within(view, async () => {
          const result$ = await this.#results(handler, request, view);
          return replyOf(await firstValueFrom(result$, { defaultValue: undefined }), path);
        });
      };
    }
    return this.#opened(async (call) => {
      const request = requestStream ? undefined : await call.receive();
      const view = new ServerCallView(call, request);
      await this.#within(view, async () => {
        const given = requestStream ? observe(call, () => call.signal.aborted) : request;
        const result$ = await this.#results(handler, given, view);
        if (responseStream)
          for await (const message of valuesOf(result$, this.#maxBuffered)) await call.send(await message);
        else await call.send(replyOf(await lastValueFrom(result$, { defaultValue: undefined }), path));
      });
    });
  }

  /** Returns what a handler gives, until the call is over. */
  async #results(handler: MessageHandler, given: unknown, view: ServerCallView): Promise<Observable<{}>> {
    const invoke = handler as unknown as (data: unknown, metadata: unknown, call: GrpcServerCall) => Promise<unknown>;
    const result = await invoke(given, view.metadata, view);
    return this.transformToObservable(result as Observable<{}>).pipe(takeUntil(aborted(view.trunkline.signal)));
  }

  /** Serves a handler of `@GrpcStreamCall`, which reads and writes by itself. */
  #passedThrough(handler: MessageHandler, responseStream: boolean): Opened {
    const invoke = handler as unknown as (call: GrpcServerDuplex, reply?: Reply) => Promise<unknown>;
    return this.#opened(async (call) => {
      const duplex = new GrpcServerDuplex(call);
      await this.#within(duplex, async () => {
        const reply: Reply = (error, message, trailer) => {
          if (error !== null && error !== undefined) duplex.destroy(toGrpcError(error));
          else {
            for (const [key, value] of toMetadata(trailer)) call.trailingMetadata.append(key, value as string);
            if (message === undefined || message === null) duplex.destroy(noReply(call.path));
            else duplex.write(message);
            duplex.end();
          }
        };
        const result = responseStream ? await invoke(duplex) : await invoke(duplex, reply);
        // The handler has no result of its own; an error of it is one of the call.
        const subscription = this.transformToObservable(result as Observable<unknown>).subscribe({
          error: (error) => void duplex.destroy(toGrpcError(error)),
        });
        try {
          await duplex.finished;
        } finally {
          subscription.unsubscribe();
          duplex.destroy();
        }
      });
    });
  }

  #opened(open: Opened["open"]): Opened {
    return { open };
  }

  /** Runs a handler between the hooks that Nest calls before and after one. @throws GrpcError */
  async #within<T>(context: GrpcServerCall, work: () => Promise<T>): Promise<T> {
    const hooked = new Promise<T>((resolve, reject) => {
      const run = async (): Promise<void> => {
        await work().then(resolve, reject);
        // The call is over: an error of the hook can only be logged.
        callObserver(
          () => this.onProcessingEndHook?.(this.transportId, context as never),
          (error) => this.logger.error(error),
        );
      };
      if (this.onProcessingStartHook === undefined) void run();
      else whenRejected(this.onProcessingStartHook(this.transportId, context as never, run), reject);
    });
    try {
      return await hooked;
    } catch (error) {
      throw toGrpcError(error);
    }
  }
}

/*
 * Nest gives handlers the arguments of gRPC (message, metadata, call) where the strategy is an instance of its own
 * `ServerGrpc`, whose constructor would load grpc-js. Its methods are all overridden here, and its constructor is not
 * called.
 */
Object.setPrototypeOf(GrpcServer.prototype, ServerGrpc.prototype);

/** The callback of `@GrpcStreamCall` where the method has one response. */
type Reply = (error: unknown, message?: {} | null, trailer?: unknown) => void;

function replyOf(message: {} | null | undefined, path: string): {} {
  if (message === undefined || message === null) throw noReply(path);
  return message;
}

function noReply(path: string): GrpcError {
  return new GrpcError(Status.INTERNAL, `the handler of ${path} gave no response message`);
}
