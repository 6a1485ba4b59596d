/** Bearer tokens (RFC 6750) as the metadata `authorization`: sent by a client where nobody can read them, asked for by a server. */

import { isLoopback, parseHostPort, reasonText } from "@trunkline/base";
import type { AttributeKey } from "@trunkline/streams";
import type { Peer } from "../connection/peer.js";
import type { ServerCall } from "../contract/call.js";
import type { ClientInterceptor, ServerInterceptor } from "../hooks/interceptor.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";

/**
 * Gives the token of a call, or undefined for a call without one; asked once a call, so it does its own caching.
 * @param path the call's, `"/package.Service/Method"`
 */
export type TokenProvider = (path: string) => string | undefined | Promise<string | undefined>;

export interface BearerTokenOptions {
  /** Send it without TLS also to loopback addresses, and over given transports that have no address, as in tests. Default false. */
  readonly allowLoopback?: boolean | undefined;
}

const tokenForm = /^[A-Za-z0-9\-._~+/]+=*$/;

/**
 * Sends a token with each call, over TLS and to Unix sockets only: on any other connection the call fails with UNAUTHENTICATED before anything of it is
 * sent. A call that brings an `authorization` of its own keeps it.
 * @param provider the token, or what gives it; when that fails, the call fails with UNAUTHENTICATED, or with the `GrpcError` it threw
 */
export function bearerToken(provider: string | TokenProvider, options: BearerTokenOptions = {}): ClientInterceptor {
  const { allowLoopback = false } = options;
  const provide: TokenProvider = typeof provider === "string" ? () => provider : provider;
  return (call) => {
    let secret = false;
    return {
      onRequest(request) {
        if (request.metadata.has("authorization")) return undefined;
        const send = (token: string | undefined): void => {
          if (token === undefined) return;
          // Its text may be a mistyped secret, so it is not part of the message.
          if (typeof token !== "string" || !tokenForm.test(token))
            throw unauthenticated("the token is not of the form of a bearer token (RFC 6750)");
          secret = true;
          request.metadata.set("authorization", `Bearer ${token}`);
        };
        const given = ask(provide, call.path);
        return given instanceof Promise ? given.then(send) : send(given);
      },
      onConnection(peer) {
        if (!secret || isPrivate(peer, allowLoopback)) return;
        throw unauthenticated(
          `a bearer token is sent over TLS or to a Unix socket only, and ${peer.address} is neither${hint(peer)}`,
        );
      },
    };
  };
}

function ask(provide: TokenProvider, path: string): string | undefined | Promise<string | undefined> {
  const failed = (error: unknown): never => {
    if (error instanceof GrpcError) throw error;
    throw unauthenticated(`no bearer token could be had: ${reasonText(error)}`, error);
  };
  try {
    const given = provide(path);
    return given instanceof Promise ? given.catch(failed) : given;
  } catch (error) {
    return failed(error);
  }
}

function isPrivate({ address, secure }: Peer, allowLoopback: boolean): boolean {
  if (secure || /^unix(-abstract)?:/.test(address)) return true;
  return allowLoopback && isNear(address);
}

/** A loopback address, or none at all. */
function isNear(address: string): boolean {
  const host = parseHostPort(address)?.host;
  return address === "transport" || (host !== undefined && isLoopback(host));
}

function hint({ address }: Peer): string {
  return isNear(address) ? " (allowLoopback permits it)" : "";
}

function unauthenticated(message: string, cause?: unknown): GrpcError {
  return new GrpcError(Status.UNAUTHENTICATED, message, cause === undefined ? {} : { cause });
}

export interface RequireBearerTokenOptions<Identity> {
  /** Under which `call.extra(identity)` gives the handler what `verify` gave. */
  readonly identity?: AttributeKey<Identity> | undefined;
  /** Paths that need no token, such as health checks: `["/grpc.health.v1.Health/Check"]`. Default: none. */
  readonly except?: readonly string[] | undefined;
}

/**
 * Lets only those calls through that bring a token which `verify` accepts, before anything of their messages is read; others end with UNAUTHENTICATED.
 * @param verify gives what is known of the caller. What it throws refuses the call: a `GrpcError` with its own status, anything else without telling why
 */
export function requireBearerToken<Identity>(
  verify: (token: string, call: ServerCall<{}, {}>) => Identity | Promise<Identity>,
  options: RequireBearerTokenOptions<Identity> = {},
): ServerInterceptor {
  const { identity } = options;
  const except = new Set(options.except);
  return (call) => {
    if (except.has(call.path)) return undefined;
    return {
      async onRequest(request) {
        const authorizations = request.metadata.getAll("authorization");
        const token = /^bearer +(\S+)$/i.exec(authorizations[0] ?? "")?.[1];
        if (token === undefined || authorizations.length !== 1) throw unauthenticated("a bearer token is needed");
        let known: Identity;
        try {
          known = await verify(token, call);
        } catch (error) {
          throw error instanceof GrpcError ? error : unauthenticated("the bearer token is not accepted", error);
        }
        if (identity !== undefined) request.provide(identity, known);
      },
    };
  };
}
