/**
 * Bearer tokens (RFC 6750) as the metadata `authorization`: a client sends them over private connections, a server
 * checks them.
 */

import { checkOptionNames, isThenable, optionNames, reasonText } from "@trunkline/base";
import type { AttributeKey } from "@trunkline/streams";
import type { ServerCall } from "../contract/call.js";
import { asCredentials } from "../hooks/credentials.js";
import type { ClientInterceptor, ServerInterceptor } from "../hooks/interceptor.js";
import { GrpcError } from "../wire/errors.js";
import { requirePrivate, unauthenticated } from "./private-connection.js";

/**
 * Returns the token of a call, or undefined for a call without one. It is called once for each call, so it does its own
 * caching. @param path the path of the call, `"/package.Service/Method"`
 */
export type TokenProvider = (path: string) => string | undefined | Promise<string | undefined>;

/** Options of `bearerToken`. */
export interface BearerTokenOptions {
  /**
   * Allows the token to be sent without TLS to loopback addresses, and over given transports without an address, as in
   * tests. Default false.
   */
  readonly allowLoopback?: boolean | undefined;
}

const bearerTokenOptionNames = optionNames<BearerTokenOptions>({ allowLoopback: true });

const tokenForm = /^[A-Za-z0-9\-._~+/]+=*$/;

/**
 * Makes an interceptor that sends a token with each call, over TLS and to Unix sockets only. On any other connection
 * the call fails with UNAUTHENTICATED before anything of it is sent. A call that has an `authorization` of its own
 * keeps it.
 * @param provider the token, or a function that returns it; if that fails, the call fails with UNAUTHENTICATED, or with
 * the `GrpcError` it threw
 */
export function bearerToken(provider: string | TokenProvider, options: BearerTokenOptions = {}): ClientInterceptor {
  checkOptionNames("bearerToken", options, bearerTokenOptionNames);
  const { allowLoopback = false } = options;
  const provide: TokenProvider = typeof provider === "string" ? () => provider : provider;
  return asCredentials((call) => {
    let secret = false;
    return {
      onRequest(request) {
        if (request.metadata.has("authorization")) return undefined;
        const send = (token: string | undefined): void => {
          if (token === undefined) return;
          // The text may be a mistyped secret, so it is not part of the message.
          if (typeof token !== "string" || !tokenForm.test(token))
            throw unauthenticated("the token is not of the form of a bearer token (RFC 6750)");
          secret = true;
          request.metadata.set("authorization", `Bearer ${token}`);
        };
        const given = ask(provide, call.path);
        return isThenable(given) ? given.then(send) : send(given);
      },
      onConnection(peer) {
        if (secret) requirePrivate(peer, "a bearer token", allowLoopback);
      },
    };
  });
}

function ask(provide: TokenProvider, path: string): ReturnType<TokenProvider> {
  const failed = (error: unknown): never => {
    if (error instanceof GrpcError) throw error;
    throw unauthenticated(`no bearer token could be had: ${reasonText(error)}`, error);
  };
  try {
    const given = provide(path);
    return isThenable(given) ? Promise.resolve(given).catch(failed) : given;
  } catch (error) {
    return failed(error);
  }
}

/** Options of `requireBearerToken`. */
export interface RequireBearerTokenOptions<Identity> {
  /** The attribute under which handlers find the result of `verify`: `call.extra(identity)`. Default: none. */
  readonly identity?: AttributeKey<Identity> | undefined;
  /**
   * The paths of methods that need no token, such as health checks: `["/grpc.health.v1.Health/Check"]`. Default: none.
   */
  readonly except?: readonly string[] | undefined;
}

const requireOptionNames = optionNames<RequireBearerTokenOptions<unknown>>({ identity: true, except: true });

/**
 * Makes an interceptor that lets only calls with an accepted token through, before their messages are read. Other calls
 * end with UNAUTHENTICATED.
 * @param verify returns what is known about the caller. An error that it throws refuses the call: a `GrpcError` with
 * its own status, any other error without telling why
 */
export function requireBearerToken<Identity>(
  verify: (token: string, call: ServerCall<{}, {}>) => Identity | Promise<Identity>,
  options: RequireBearerTokenOptions<Identity> = {},
): ServerInterceptor {
  checkOptionNames("requireBearerToken", options, requireOptionNames);
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
