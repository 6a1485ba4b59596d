/** A router in memory, tokens for it, and channels to it: HTTP/2 and all its limits, no ports. */
import { createHmac } from "node:crypto";
import type { Duplex } from "node:stream";
import { Channel, type ChannelOptions, type ClientCall, type ConnectTarget, createClient } from "@trunkline/grpc";
import { duplexPair, FaultyLink } from "@trunkline/grpc/testing";
import type { MetadataInit } from "@trunkline/metadata";
import type { VirtualClock } from "@trunkline/streams/testing";
import { turns } from "../../../base/test/support/waiting.js";
import {
  type Frame,
  Router,
  type RouterEvent,
  type RouterOptions,
  RouterService,
  Trunkline,
  type TrunklineOptions,
} from "../../src/index.js";

export const secret = "a key that only tests use, and long enough";

/** 2026-11-25, as a virtual clock's zero in Unix time. */
export const epochMs: number = 1_795_564_800_000;

export { until } from "../../../base/test/support/waiting.js";

/** Lets the event loop turn some times: everything that can happen without time passing has happened. */
export function settle(count = 30): Promise<void> {
  return turns(count);
}

/** Returns what a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { readonly code?: string }> {
  const value = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in value) return value.error as Error;
  throw new Error("the promise was expected to reject");
}

export interface Claims {
  readonly [name: string]: unknown;
}

/** A JWT made by hand, so that it can be as wrong as a test wants it. */
export function jwt(claims: Claims, { alg = "HS256", key = secret }: { alg?: string; key?: string } = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg, typ: "JWT" })}.${part(claims)}`;
  if (alg === "none") return `${signed}.`;
  return `${signed}.${createHmac(alg.replace("HS", "sha"), key).update(signed).digest("base64url")}`;
}

/** Returns the claims that Jumpstarter's controller puts into a token. */
export function streamClaims(stream: string, unixNowMs: number = Date.now()): Claims {
  const now = Math.floor(unixNowMs / 1_000);
  return {
    iss: "https://jumpstarter.dev/stream",
    aud: ["https://jumpstarter.dev/router"],
    sub: stream,
    exp: now + 1_800,
    nbf: now,
    iat: now,
    jti: "8a7c3c1e-5f8b-4a53-9f52-0d3b7a1b1a11",
  };
}

export interface TestRouter extends AsyncDisposable {
  readonly router: Router;
  readonly events: RouterEvent[];
  /** The links of all connections, in the order in which they were made. */
  readonly links: FaultyLink[];
  /** A switch: while it is true, new connections are dead from their first byte on. */
  newLinksAreSilent: boolean;
  /** Makes the connections of channels and clients. */
  readonly target: ConnectTarget;
  /** Returns a channel with a connection of its own. */
  connect(options?: Omit<ChannelOptions, "tls" | "plaintext">): Channel;
  /** Makes a call of the router as a plain peer does. */
  plainCall(stream: string, metadata?: MetadataInit, channel?: Channel): ClientCall<Frame, Frame>;
  /** Returns a client with a connection of its own. */
  client(identity?: string, options?: Partial<TrunklineOptions>): Promise<Trunkline>;
}

export function testRouter(options: Partial<RouterOptions> = {}): TestRouter {
  const events: RouterEvent[] = [];
  const { clock } = options;
  const router = new Router({
    keys: [{ secret }],
    onEvent: (event) => events.push(event),
    ...(clock === undefined ? {} : { unixNowMs: () => epochMs + clock.nowMs() }),
    ...options,
  });
  const links: FaultyLink[] = [];
  const closing: { close(options?: { closeTimeoutMs?: number }): Promise<void> }[] = [];
  const target: ConnectTarget = {
    connect(): Duplex {
      const [clientSide, serverSide] = duplexPair();
      void router.server.serve(serverSide);
      const link = new FaultyLink(clientSide, { clock });
      if (test.newLinksAreSilent) link.silence();
      links.push(link);
      return link;
    },
    authority: "memory",
  };
  const ownClock = clock === undefined ? {} : { clock };
  const connect: TestRouter["connect"] = (channelOptions) => {
    const made = new Channel(target, { ...ownClock, ...channelOptions });
    closing.push(made);
    return made;
  };
  let shared: Channel | undefined;
  const test: TestRouter = {
    router,
    events,
    links,
    newLinksAreSilent: false,
    target,
    connect,
    plainCall(stream, metadata = {}, channel) {
      shared ??= connect();
      const now = clock === undefined ? Date.now() : epochMs + clock.nowMs();
      const given = Object.entries({ authorization: `Bearer ${jwt(streamClaims(stream, now))}`, ...metadata }) as [
        string,
        string,
      ][];
      return createClient(RouterService, channel ?? shared).stream.open({ metadata: given });
    },
    async client(identity = "me", clientOptions = {}) {
      const token = await router.mintToken({ identity, lifetimeMs: 365 * 86_400_000 });
      const client = new Trunkline({ endpoint: target, token, ...ownClock, ...clientOptions });
      closing.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      const closed = closing.map((one) => one.close({ closeTimeoutMs: 0 }));
      // Clients tell each other that they end, and need not wait for that until their time is over. After that the end
      // of the router is theirs, whatever clock they are on.
      await settle(20);
      for (const link of links) link.cut();
      closed.push(router.close({ closeTimeoutMs: 0 }));
      if (clock === undefined) await Promise.all(closed);
      else await advanceUntil(clock as VirtualClock, Promise.all(closed));
    },
  };
  return test;
}

/** Moves a virtual clock until a promise has settled: sessions look for their other sides until their time is over. */
export async function advanceUntil(clock: VirtualClock, promise: Promise<unknown>): Promise<void> {
  let settled = false;
  const onSettled = (): void => {
    settled = true;
  };
  promise.then(onSettled, onSettled);
  while (!settled) {
    clock.advance(1_000);
    await settle(8);
  }
  await promise;
}

/** Moves a virtual clock in steps, and lets everything happen that each step brings about. */
export async function advance(clock: VirtualClock, ms: number, stepMs = 1_000): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    clock.advance(Math.min(stepMs, left));
    await settle(8);
  }
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
export const text = (data: Uint8Array | undefined): string | undefined =>
  data === undefined ? undefined : Buffer.from(data).toString();
