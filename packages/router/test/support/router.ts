/** A router in memory, tokens for it, and channels to it: HTTP/2 and all its limits, no ports. */
import { createHmac } from "node:crypto";
import { duplexPair } from "node:stream";
import { Channel, type ChannelOptions, type ClientCall, createClient } from "@trunkline/grpc";
import type { MetadataInit } from "@trunkline/metadata";
import { type Frame, Router, type RouterEvent, type RouterOptions, RouterService } from "../../src/index.js";

export const secret = "a key that only tests use";

/** Some turns of the event loop: everything that can happen without time passing has happened. */
export async function settle(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for something that happens by itself. */
export async function until(condition: () => boolean, what = "the condition"): Promise<void> {
  for (let turn = 0; turn < 20_000; turn++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`${what} did not come about`);
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

/** As Jumpstarter's controller mints them. */
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
  /** A channel with a connection of its own. */
  connect(options?: Omit<ChannelOptions, "tls" | "plaintext">): Channel;
  /** A call of the router as a plain peer makes it. */
  plainCall(stream: string, metadata?: MetadataInit, channel?: Channel): ClientCall<Frame, Frame>;
}

export function testRouter(options: Partial<RouterOptions> = {}): TestRouter {
  const events: RouterEvent[] = [];
  const router = new Router({ keys: [{ secret }], onEvent: (event) => events.push(event), ...options });
  const channels: Channel[] = [];
  const connect: TestRouter["connect"] = (channelOptions) => {
    const made = new Channel(
      {
        connect() {
          const [clientSide, serverSide] = duplexPair();
          void router.server.serve(serverSide);
          return clientSide;
        },
        authority: "memory",
      },
      { ...(options.clock === undefined ? {} : { clock: options.clock }), ...channelOptions },
    );
    channels.push(made);
    return made;
  };
  let shared: Channel | undefined;
  return {
    router,
    events,
    connect,
    plainCall(stream, metadata = {}, channel) {
      shared ??= connect();
      const given = Object.entries({ authorization: `Bearer ${jwt(streamClaims(stream))}`, ...metadata }) as [
        string,
        string,
      ][];
      return createClient(RouterService, channel ?? shared).stream.open({ metadata: given });
    },
    async [Symbol.asyncDispose]() {
      // The router first: its end is theirs, whatever clock they are on.
      await router.close({ closeTimeoutMs: 0 });
      await Promise.all(channels.map((channel) => channel.close()));
    },
  };
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
export const text = (data: Uint8Array | undefined): string | undefined =>
  data === undefined ? undefined : Buffer.from(data).toString();
