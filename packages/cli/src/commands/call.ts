/** `trunkline call`: one gRPC call from the command line, or a look at what a gRPC server has. */
import { setMaxListeners } from "node:events";
import { type DescMethod, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { type ClientCall, createClient, GrpcError, type OpenForm } from "@trunkline/grpc";
import type { Metadata } from "@trunkline/metadata";
import { checkData, requestOf, requestTexts } from "../call/data.js";
import { sourceOf } from "../call/describe.js";
import { fileSource, type SchemaFiles } from "../call/file-source.js";
import { headersOf } from "../call/headers.js";
import { ReflectionSource } from "../call/reflection-source.js";
import { Schema } from "../call/schema.js";
import { callFailure, detailsOf } from "../call/status.js";
import { type Way, type WayOptions, wayThroughRouter, wayToAddress } from "../call/way.js";
import { CommandError, reasonOf } from "../command-error.js";
import type { Context } from "../context.js";
import { parsePositiveDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { printable, printableJson } from "../format.js";

/** Options of `trunkline call`. */
export interface CallOptions extends WayOptions, SchemaFiles {
  readonly data?: string;
  readonly header?: readonly string[];
  readonly timeout?: string;
  readonly list?: boolean;
  readonly describe?: string;
  readonly emitDefaults?: boolean;
  readonly verbose?: boolean;
}

const maxTimeoutMs = 86_400_000;

type AnyCall = ClientCall<Message, Message>;

/** Carries out one call, or lists or describes what the server has. @throws CommandError */
export async function call(words: readonly string[], options: CallOptions, context: Context): Promise<void> {
  const { via, list = false, describe } = options;
  if (list && describe !== undefined)
    throw new CommandError("--list and --describe exclude each other", ExitCode.usage);
  const [address, name] = via === undefined ? words : [undefined, ...words];
  if (via === undefined && address === undefined)
    throw new CommandError("an address is missing, or --via NAME", ExitCode.usage);
  const most = (via === undefined ? 1 : 0) + (describe === undefined ? 1 : 0);
  if (words.length > most) {
    const message = `${JSON.stringify(words[most])} is one word too many; requests are given by --data`;
    throw new CommandError(message, ExitCode.usage);
  }
  if (!list && describe === undefined && name === undefined)
    throw new CommandError("a method is missing, as acme.v1.Greeter/SayHello; --list shows them", ExitCode.usage);
  const timeoutMs =
    options.timeout === undefined ? undefined : parsePositiveDuration(options.timeout, "--timeout", maxTimeoutMs);
  const metadata = await headersOf(options.header ?? []);
  const files = await fileSource(options);
  await checkData(options.data);
  // Each message waits with this signal, and so does all that is below it.
  setMaxListeners(0, context.signal);
  await using way = await open(address, options, context);
  const { channel } = way;
  const reflection = files ?? new ReflectionSource(channel, { address: way.address, metadata, signal: context.signal });
  const schema = new Schema(reflection);
  try {
    if (list) return await listed(name, schema, context);
    if (describe !== undefined) return await described(describe, schema, context);
    const method = await schema.method(name as string);
    await new Invocation(method, schema, way, { ...options, timeoutMs, metadata }, context).run();
  } catch (error) {
    context.signal.throwIfAborted();
    throw callFailure(error, way.address);
  }
}

function open(address: string | undefined, options: CallOptions, context: Context): Promise<Way> {
  return options.via === undefined
    ? wayToAddress(address as string, options, context)
    : wayThroughRouter(options.via, options, context);
}

/** Prints the services, or the methods of one. */
async function listed(service: string | undefined, schema: Schema, { output }: Context): Promise<void> {
  const names =
    service === undefined
      ? await schema.source.services()
      : (await schema.service(service)).methods.map((method) => `${service}/${method.name}`);
  const event = service === undefined ? "service" : "method";
  for (const name of names) output.result({ event, name }, printable(name));
}

/** Prints the source of what a name stands for. */
async function described(name: string, schema: Schema, { output }: Context): Promise<void> {
  const found = name.includes("/") ? await schema.method(name) : await schema.get(name);
  const source = sourceOf(found);
  output.result({ event: "description", name, kind: found.kind === "rpc" ? "method" : found.kind, source }, source);
}

interface InvocationOptions extends Pick<CallOptions, "data" | "emitDefaults" | "verbose"> {
  readonly timeoutMs: number | undefined;
  readonly metadata: Metadata;
}

/** One call of a method: requests in the order of the data, answers as they come. */
class Invocation {
  readonly #method: DescMethod;
  readonly #schema: Schema;
  readonly #way: Way;
  readonly #options: InvocationOptions;
  readonly #context: Context;
  /** Aborts when the call is over, so that nothing reads further requests. */
  readonly #over = new AbortController();

  constructor(method: DescMethod, schema: Schema, way: Way, options: InvocationOptions, context: Context) {
    this.#method = method;
    this.#schema = schema;
    this.#way = way;
    this.#options = options;
    this.#context = context;
  }

  /** @throws CommandError for data that is wrong, GrpcError for a status that is not OK */
  async run(): Promise<void> {
    const { signal, output } = this.#context;
    const takesStream = /client_streaming|bidi_streaming/.test(this.#method.methodKind);
    const first = takesStream ? undefined : await this.#onlyRequest();
    const opened = this.#open();
    const sending = first === undefined ? this.#sendAll(opened) : this.#sendOnly(opened, first);
    // A failure of the data fails the call, and is reported instead of its status.
    let problem: unknown;
    const sent = sending.catch((error: unknown) => {
      if (error instanceof GrpcError || this.#over.signal.aborted) return;
      problem = error;
      opened.cancel(error);
    });
    try {
      for (;;) {
        const answer = await opened.receive({ signal });
        if (answer === undefined) break;
        await this.#print(answer);
      }
      if (this.#options.verbose) output.note("info", { event: "status", status: "OK" }, "status: OK");
    } catch (error) {
      if (problem !== undefined) throw problem;
      if (error instanceof GrpcError) await this.#printStatus(error);
      throw error;
    } finally {
      opened.cancel();
      this.#over.abort();
      await sent;
    }
  }

  #open(): AnyCall {
    const { timeoutMs, metadata, verbose } = this.#options;
    const client = createClient(this.#method.parent, this.#way.channel) as unknown as Readonly<
      Record<string, OpenForm<Message, Message>>
    >;
    const method = client[this.#method.localName] as OpenForm<Message, Message>;
    const show = (event: string, title: string) => (fields: Metadata) => {
      const entries = fields.toWire().map(({ name, value }) => ({ name, value }));
      const lines = entries.map(({ name, value }) => `\n  ${printable(`${name}: ${value}`)}`).join("");
      this.#context.output.note("info", { event, entries }, `${title}:${lines || " none"}`);
    };
    return method.open({
      metadata,
      signal: this.#context.signal,
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(verbose === true && {
        onInitialMetadata: show("initial-metadata", "initial metadata"),
        onTrailingMetadata: show("trailing-metadata", "trailing metadata"),
      }),
    });
  }

  /** Returns the request of a method that takes one: an empty one without data. @throws CommandError */
  async #onlyRequest(): Promise<Message> {
    const texts: string[] = [];
    for await (const text of requestTexts(this.#options.data, this.#context.signal)) {
      texts.push(text);
      if (texts.length > 1) {
        const message = `${this.#method.name} takes one request, and the data has more`;
        throw new CommandError(message, ExitCode.usage);
      }
    }
    return this.#request(texts[0] ?? "{}", 1);
  }

  #request(text: string, number: number): Promise<Message> {
    return requestOf(text, number, this.#method.input, this.#schema);
  }

  async #sendAll(opened: AnyCall): Promise<void> {
    const signal = AbortSignal.any([this.#context.signal, this.#over.signal]);
    let number = 0;
    for await (const text of requestTexts(this.#options.data, signal)) {
      number += 1;
      await opened.send(await this.#request(text, number));
    }
    await opened.sendEof();
  }

  async #sendOnly(opened: AnyCall, request: Message): Promise<void> {
    await opened.send(request);
    await opened.sendEof();
  }

  async #print(answer: Message): Promise<void> {
    const { registry } = this.#schema;
    const alwaysEmitImplicit = this.#options.emitDefaults === true;
    let json: JsonValue;
    try {
      json = await this.#schema.converting(() => toJson(this.#method.output, answer, { registry, alwaysEmitImplicit }));
    } catch (error) {
      const message = `an answer cannot be shown as JSON: ${printable(reasonOf(error))}`;
      throw new CommandError(message, ExitCode.mismatch, { cause: error });
    }
    this.#context.output.result({ event: "answer", message: json }, printableJson(json));
  }

  async #printStatus(error: GrpcError): Promise<void> {
    const details = await detailsOf(error, this.#schema);
    const lines = details.map((detail) => `\n${printableJson(detail)}`).join("");
    const { output } = this.#context;
    const event = { event: "status", status: error.code, message: error.message, details };
    if (details.length > 0 || output.json) output.note("info", event, `details of ${error.code}:${lines}`);
  }
}
