/** The spans of gRFC A72: one for a client's call, one for each of its attempts, one for a server's call. */
import {
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Metadata } from "@trunkline/metadata";
import type { AttemptEnd, AttemptHooks, AttemptMessage, CallAttempt } from "../hooks/interceptor.js";
import { Status, statusName } from "../wire/status.js";
import { getter, setter } from "./carrier.js";

/** The propagator of a context: that of a program, or the global one of the API. */
export type Propagator = Pick<TextMapPropagator, "inject" | "extract">;

/** The spans of one call. */
export interface CallTrace {
  /** Returns the hooks that write an attempt into its span. */
  attempt(attempt: CallAttempt): AttemptHooks;
}

/** The largest part of a status message, in characters, that a span keeps: a peer has chosen it. */
const maxDescription = 256;

export class ClientTrace implements CallTrace {
  readonly #tracer: Tracer;
  readonly #propagator: Propagator;
  readonly #name: string;
  readonly #span: Span;
  /** The context of the caller, with the span of the call in it. */
  readonly #context: Context;

  /** Begins the span of a call, as a child of the span in whose context the call is made. */
  constructor(tracer: Tracer, propagator: Propagator, method: string) {
    const parent = context.active();
    this.#tracer = tracer;
    this.#propagator = propagator;
    this.#name = method.replace("/", ".");
    this.#span = tracer.startSpan(`Sent.${this.#name}`, { kind: SpanKind.CLIENT }, parent);
    this.#context = trace.setSpan(parent, this.#span);
  }

  attempt(attempt: CallAttempt): AttemptHooks {
    const attributes = {
      "previous-rpc-attempts": attempt.previousAttempts,
      "transparent-retry": attempt.transparent,
    };
    const span = this.#tracer.startSpan(`Attempt.${this.#name}`, { attributes }, this.#context);
    this.#propagator.inject(trace.setSpan(this.#context, span), attempt.metadata, setter);
    return {
      onStream(waited) {
        if (waited) span.addEvent("Delayed LB pick complete");
      },
      ...messagesOf(span),
      onEnd: (end) => endSpan(span, end),
    };
  }

  /** Ends the span of the call. */
  end(end: AttemptEnd): void {
    endSpan(this.#span, end);
  }
}

export class ServerTrace implements CallTrace {
  readonly #span: Span;
  /** Calls the handler with the span of the call, and the baggage of its client, in its context. */
  readonly run: (handler: () => void) => void;

  /** Begins the span of a call, as a child of the client's span that `metadata` names. */
  constructor(tracer: Tracer, propagator: Propagator, method: string, metadata: Metadata) {
    // What was active when the server was made is no parent of its calls.
    const parent = propagator.extract(ROOT_CONTEXT, metadata, getter);
    this.#span = tracer.startSpan(`Recv.${method.replace("/", ".")}`, { kind: SpanKind.SERVER }, parent);
    const inside = trace.setSpan(parent, this.#span);
    this.run = (handler) => context.with(inside, handler);
  }

  attempt(): AttemptHooks {
    return { ...messagesOf(this.#span), onEnd: (end) => endSpan(this.#span, end) };
  }
}

/** Returns hooks that add an event for each message, with numbers from 0 in each direction. */
function messagesOf(span: Span): AttemptHooks {
  let sent = 0;
  let received = 0;
  return {
    onMessageSent: (message) => void span.addEvent("Outbound message", described(sent++, message)),
    onMessageReceived: (message) => void span.addEvent("Inbound message", described(received++, message)),
  };
}

function described(sequenceNumber: number, { wireBytes, bytes }: AttemptMessage): Record<string, number> {
  return {
    "sequence-number": sequenceNumber,
    ...(bytes === undefined ? {} : { "message-size": bytes }),
    ...(bytes === wireBytes ? {} : { "message-size-compressed": wireBytes }),
  };
}

function endSpan(span: Span, { status, message }: AttemptEnd): void {
  if (status === Status.OK) span.setStatus({ code: SpanStatusCode.OK });
  else {
    const text = message === "" ? statusName(status) : `${statusName(status)}: ${message}`;
    span.setStatus({ code: SpanStatusCode.ERROR, message: text.slice(0, maxDescription) });
  }
  span.end();
}
