/**
 * Fetches a JSON document from a server that may be slow, large or hostile. No redirect is followed, so that the
 * address in the configuration is the one that keys come from. This file must not know what is in the document.
 */
import { Buffer } from "node:buffer";
import http from "node:http";
import https from "node:https";
import { isLoopback } from "@trunkline/base";

/** The bounds of one request. */
export interface FetchOptions {
  /** A signal that ends the request. */
  readonly signal: AbortSignal;
  readonly maxBytes: number;
  /** The authorities that the server's certificate is checked with. Default: those of Node. */
  readonly ca?: string | Buffer | undefined;
}

/** Fetches a document; tests have their own. */
export type FetchJson = (url: URL, options: FetchOptions) => Promise<unknown>;

/**
 * Returns why keys may not come from the address, or undefined if they may. Without TLS anyone on the way could give
 * keys of their own.
 */
export function addressProblem(url: URL, allowHttp: boolean): string | undefined {
  const shown = shownUrl(url);
  if (url.username !== "" || url.password !== "") return `${shown} must not have a user name or a password`;
  if (url.protocol === "https:") return undefined;
  if (url.protocol !== "http:") return `${shown} must begin with https://`;
  if (allowHttp || isLoopback(url.hostname.replace(/^\[|\]$/g, ""))) return undefined;
  return `${shown} must begin with https://, since the keys that come from it decide who may enter`;
}

/** Returns an address as messages show it: without user, password and query, which may hold secrets. */
export function shownUrl({ origin, protocol, pathname, host }: URL): string {
  return origin === "null" ? `${protocol}//${host}${pathname}` : `${origin}${pathname}`;
}

/** Fetches a document by GET. @throws Error that says what the server did, without anything that it has sent */
export const fetchJson: FetchJson = async (url, { signal, maxBytes, ca }) => {
  signal.throwIfAborted();
  const text = await new Promise<string>((resolve, reject) => {
    const secure = url.protocol === "https:";
    const request = (secure ? https : http).get(url, {
      agent: false,
      signal,
      headers: { accept: "application/json", "accept-encoding": "identity" },
      ...(secure && ca !== undefined && { ca }),
    });
    const refuse = (message: string): void => {
      reject(new Error(message));
      request.destroy();
    };
    request.on("error", (error) => reject(signal.aborted ? signal.reason : error));
    request.on("response", (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300 && statusCode < 400)
        return refuse(`it answers with a redirect (${statusCode}), and none is followed; give the final address`);
      if (statusCode !== 200) return refuse(`it answers with the status ${statusCode}`);
      if (Number(headers["content-length"] ?? 0) > maxBytes) return refuse(`it sends more than ${maxBytes} bytes`);
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) refuse(`it sends more than ${maxBytes} bytes`);
        else chunks.push(chunk);
      });
      response.on("error", (error) => reject(signal.aborted ? signal.reason : error));
      response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    });
  });
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error("it sends no JSON");
  }
};
