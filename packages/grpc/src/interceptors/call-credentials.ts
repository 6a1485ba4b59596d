/** Call credentials: metadata that proves who makes a call, made for each call and sent over private connections. */
import { checkOptionNames, isThenable, optionNames, reasonText } from "@trunkline/base";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { asCredentials } from "../hooks/credentials.js";
import type { ClientInterceptor } from "../hooks/interceptor.js";
import { GrpcError } from "../wire/errors.js";
import { requirePrivate, unauthenticated } from "./private-connection.js";

/** The call that credentials are made for. */
export interface CredentialsRequest {
  /** The path of the call, `"/package.Service/Method"`. */
  readonly path: string;
}

/**
 * Returns the metadata that proves who makes a call, or undefined for a call without credentials. It is called once for
 * each call, so it does its own caching. The call waits for a promise, at most until its deadline.
 */
export type CredentialsProvider = (
  call: CredentialsRequest,
) => MetadataInit | undefined | Promise<MetadataInit | undefined>;

/** Options of `callCredentials`. */
export interface CallCredentialsOptions {
  /**
   * Allows the credentials to be sent without TLS to loopback addresses, and over given transports without an address,
   * as in tests. Default false.
   */
  readonly allowLoopback?: boolean | undefined;
}

const credentialsOptionNames = optionNames<CallCredentialsOptions>({ allowLoopback: true });

/**
 * Makes an interceptor that adds credentials to calls, over TLS and to Unix sockets only: on any other connection a
 * call with credentials fails with UNAUTHENTICATED before anything of it is sent. It is given to a channel, a client or
 * a single call; those of several add up, and a key that the call has already stays as it is. For a bearer token there
 * is `bearerToken`.
 * @param provider returns the metadata; if it fails, the call fails with UNAUTHENTICATED, or with the `GrpcError` that
 * it threw
 */
export function callCredentials(
  provider: CredentialsProvider,
  options: CallCredentialsOptions = {},
): ClientInterceptor {
  if (typeof provider !== "function")
    throw new TypeError(`the provider of call credentials must be a function, not ${typeof provider}`);
  checkOptionNames("callCredentials", options, credentialsOptionNames);
  const { allowLoopback = false } = options;
  return asCredentials(({ path }) => {
    let secret = false;
    return {
      onRequest(request) {
        const add = (given: MetadataInit | undefined): void => {
          if (given === undefined) return;
          const credentials = readable(given);
          const taken = new Set(request.metadata.keys());
          for (const [key, value] of credentials) {
            if (taken.has(key)) continue;
            secret = true;
            request.metadata.append(key, value as string);
          }
        };
        const given = ask(provider, path);
        return isThenable(given) ? given.then(add) : add(given);
      },
      onConnection(peer) {
        if (secret) requirePrivate(peer, "a call with credentials", allowLoopback);
      },
    };
  });
}

/** @throws GrpcError for what is no metadata. The text may be a secret, so it is not part of the message. */
function readable(given: MetadataInit): Metadata {
  try {
    return Metadata.from(given);
  } catch {
    throw unauthenticated("the provider of call credentials returned something that metadata cannot hold");
  }
}

function ask(provider: CredentialsProvider, path: string): ReturnType<CredentialsProvider> {
  const failed = (error: unknown): never => {
    if (error instanceof GrpcError) throw error;
    throw unauthenticated(`no call credentials could be had: ${reasonText(error)}`, error);
  };
  try {
    const given = provider({ path });
    return isThenable(given) ? Promise.resolve(given).catch(failed) : given;
  } catch (error) {
    return failed(error);
  }
}
