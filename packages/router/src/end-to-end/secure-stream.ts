/**
 * TLS 1.3 inside a stream: the dialling side is its client, the listening one its server, and both show certificates.
 * The router between them sees sizes and times.
 */
import type { Duplex } from "node:stream";
import type tls from "node:tls";
import { type AbortSignalLike, onAbort, reasonText } from "@trunkline/base";
import { acceptTls, startTls, systemClock, TransportError, type TransportErrorCode } from "@trunkline/base/node";
import { GrpcError, Status } from "@trunkline/grpc";
import {
  type AttributeKey,
  type Clock,
  lengthPrefixed,
  localAddress,
  type ObjectStream,
  remoteAddress,
  streamClock,
} from "@trunkline/streams";
import { streamFromDuplex, toDuplex } from "@trunkline/streams/node";
import { resumption } from "../session/resumption.js";
import { endToEndFeature, type Features } from "../stream/features.js";
import { maxFramePayloadBytes } from "../stream/outgoing.js";
import { peerIdentity } from "../stream/peer-identity.js";
import { detachedMsOf, type RouterStream, streamOverSession } from "../stream/router-stream.js";
import { BelowTls } from "./below-tls.js";
import { abortPrefix, EndToEndError, type EndToEndErrorCode } from "./error.js";
import { encodeGreeting, readGreeting } from "./greeting.js";
import type { ResolvedEndToEnd } from "./options.js";
import { endToEndPeer, trustedPeer } from "./peer.js";
import { grpcErrorBehind, SealedFrames } from "./sealed-frames.js";

/** The application protocol of TLS inside a stream (ALPN). */
const protocol = "trunkline-stream/1";

/**
 * The longest message inside TLS: a frame of the largest payload with its fields, which holds a greeting and the
 * metadata of an item, too.
 */
const maxMessageBytes = maxFramePayloadBytes + 32;

export interface SecureStreamOptions {
  readonly role: "dial" | "listen";
  /** The name that was dialled, or is listened under. */
  readonly name: string;
  /** The features of the other side, by the word of the exchange. */
  readonly peerFeatures: Features;
  readonly endToEnd: ResolvedEndToEnd;
  readonly signal?: AbortSignalLike | undefined;
}

/**
 * Returns the stream inside TLS, once both sides have accepted each other. Where that fails, the other side is told.
 * @throws EndToEndError; the error of the stream below where that is lost, as by a router that goes away; the reason of
 * the signal
 */
export async function secureStream(outer: RouterStream, options: SecureStreamOptions): Promise<RouterStream> {
  const { signal, endToEnd, peerFeatures, role } = options;
  const clock = outer.extra(streamClock) ?? systemClock;
  const limit = new TimeLimit(outer, endToEnd.handshakeTimeoutMs, clock, signal);
  try {
    if (!peerFeatures.has(endToEndFeature)) throw notSpoken(role);
    return await handshake(outer, options, clock, limit.signal);
  } catch (error) {
    const failure = signal?.aborted || limit.signal.aborted ? limit.signal.reason : failureOf(error, outer);
    outer.abort(failure instanceof EndToEndError ? failure.forOtherSide() : failure);
    throw failure;
  } finally {
    limit.stop();
  }
}

/** Refuses a stream whose other side wants TLS inside it, at a side that has no identity. @throws EndToEndError */
export function refuseWish(outer: RouterStream, peerFeatures: Features): void {
  if (!peerFeatures.has(endToEndFeature)) return;
  const error = new EndToEndError("NOT_SPOKEN", "the other side wants end-to-end TLS, and this one has no identity");
  outer.abort(new GrpcError(error.status, `${abortPrefix}this side has no identity for end-to-end TLS`));
  throw error;
}

function notSpoken(role: "dial" | "listen"): EndToEndError {
  const other = role === "dial" ? "the listener does not offer" : "the dialler does not ask for";
  return new EndToEndError("NOT_SPOKEN", `${other} end-to-end TLS, or the router has removed its wish`);
}

async function handshake(
  outer: RouterStream,
  { role, name, endToEnd }: SecureStreamOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<RouterStream> {
  const below = new BelowTls(outer);
  const socket = await secured(toDuplex(below), role, name, endToEnd, signal);
  if (socket.alpnProtocol !== protocol)
    throw new EndToEndError("NOT_SPOKEN", `the other side does not speak ${protocol} inside TLS`);
  const peer = trustedPeer(socket, endToEnd);
  const attributes = new Map<AttributeKey<unknown>, unknown>([
    [endToEndPeer, peer],
    [streamClock, clock],
  ]);
  for (const key of [resumption, peerIdentity, localAddress, remoteAddress] as readonly AttributeKey<unknown>[]) {
    const value = outer.extra(key);
    if (value !== undefined) attributes.set(key, value);
  }
  const messages = lengthPrefixed(streamFromDuplex(socket, { clock }), { maxMessageBytes });
  const { features, metadata } = await exchangeGreetings(messages, name, endToEnd, signal);
  below.release();
  const detachedMs = (): number => detachedMsOf(outer);
  const frames = new SealedFrames({ messages, socket, outer, below, attributes, clock, detachedMs });
  return streamOverSession(frames, { peerFeatures: features, metadata });
}

function secured(
  duplex: Duplex,
  role: "dial" | "listen",
  name: string,
  { cert, key, ca }: ResolvedEndToEnd,
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  const secure = {
    cert,
    key,
    // Without an authority none is asked: the pins decide, and no certificate of the system's may.
    ca: ca ?? [],
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    ALPNProtocols: [protocol],
    // The certificate is judged here, so that the reason can be told.
    rejectUnauthorized: false,
  } as const;
  const other = role === "dial" ? `the listener of ${JSON.stringify(name)}` : `a dialler of ${JSON.stringify(name)}`;
  if (role === "listen") return acceptTls(duplex, { ...secure, requestCert: true }, { name: other, signal });
  return startTls(duplex, { ...secure, checkServerIdentity: () => undefined }, { name: other, signal });
}

/**
 * Tells the other side of the name, and hears the same from it. A listener answers only to a dialler that it trusts, so
 * that the answer is the word that it has accepted this side.
 */
async function exchangeGreetings(
  messages: ObjectStream<Uint8Array>,
  name: string,
  { metadata }: ResolvedEndToEnd,
  signal: AbortSignal,
) {
  const sent = messages.send(encodeGreeting(name, metadata), { signal });
  sent.catch(() => {});
  const answer = await messages.receive({ signal });
  if (answer === undefined)
    throw new EndToEndError("FAILED", "the other side has ended the stream during the handshake");
  const greeting = readGreeting(answer, name);
  await sent;
  return greeting;
}

/** A signal that fires when the handshake takes too long, from the moment on at which both sides are joined. */
class TimeLimit {
  readonly #controller = new AbortController();
  #cancel: () => void = () => {};
  #stopped = false;
  readonly signal: AbortSignal;

  constructor(outer: RouterStream, timeoutMs: number, clock: Clock, signal: AbortSignalLike | undefined) {
    this.signal = this.#controller.signal;
    const onLate = (): void =>
      this.#controller.abort(new EndToEndError("TIMEOUT", `the handshake has not ended within ${timeoutMs} ms`));
    const cancelled = (): void => this.#controller.abort(signal?.reason);
    if (signal?.aborted) cancelled();
    const forget = signal === undefined ? undefined : onAbort(signal, cancelled);
    const arm = (): void => {
      if (!this.#stopped) this.#cancel = clock.at(clock.nowMs() + timeoutMs, onLate, "watch");
    };
    // A wait in vain breaks the stream, by which the handshake ends, too.
    outer.joined().then(arm, arm);
    const stop = this.stop.bind(this);
    this.stop = () => {
      forget?.();
      stop();
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }
}

const codes: Readonly<Partial<Record<TransportErrorCode, EndToEndErrorCode>>> = {
  NOT_TLS: "NOT_SPOKEN",
  TLS_VERSION: "NOT_SPOKEN",
  TLS_ALPN: "NOT_SPOKEN",
  CERTIFICATE_REFUSED: "REFUSED",
  CERTIFICATE_REQUIRED: "REFUSED",
};

/** The statuses of an abort by which the other side refuses. */
const refusals: ReadonlySet<Status> = new Set([
  Status.UNAUTHENTICATED,
  Status.FAILED_PRECONDITION,
  Status.DATA_LOSS,
  Status.DEADLINE_EXCEEDED,
]);

/** Returns the error for the caller: why the stream below broke, or why the handshake failed. */
function failureOf(error: unknown, outer: RouterStream): unknown {
  if (error instanceof EndToEndError) return error;
  const below = outer.brokenSignal?.aborted ? outer.brokenSignal.reason : undefined;
  const lost = below instanceof GrpcError ? below : grpcErrorBehind(error);
  if (lost !== undefined) {
    const isRefusal = refusals.has(lost.status) && lost.message.includes(abortPrefix);
    if (!isRefusal) return lost;
    const text = lost.message.replace(abortPrefix, "");
    return new EndToEndError(lost.status === Status.FAILED_PRECONDITION ? "NOT_SPOKEN" : "REFUSED", text, {
      cause: lost,
    });
  }
  const code = error instanceof TransportError ? codes[error.code] : undefined;
  return new EndToEndError(code ?? "FAILED", reasonText(error), { cause: error });
}
