/**
 * The names under which the dashboard may be asked. A page of another site can make a browser send requests here, also
 * under a name of its own that it lets point to this machine (DNS rebinding), so that `Host` and `Origin` are judged
 * before anything else.
 */
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { isLoopback, parseHostPort, printHostPort } from "@trunkline/base";

/** Returns the reason why a request is not answered; undefined where it may be. */
export function originProblem(request: IncomingMessage): string | undefined {
  const { host = "", origin } = request.headers;
  if (!isOwnHost(host, request)) return `the dashboard does not answer under the host ${quoted(host)}`;
  const scheme = request.socket instanceof TLSSocket ? "https" : "http";
  if (origin !== undefined && origin !== `${scheme}://${host}`)
    return `the dashboard takes no requests from the origin ${quoted(origin)}`;
  const site = request.headers["sec-fetch-site"];
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (!isRead && origin === undefined && site !== "same-origin")
    return "an action needs the header Origin, as browsers send it";
  return undefined;
}

/**
 * Without TLS, a host is one of loopback. With TLS, the browser has checked the certificate for the name that it asks
 * for (`servername`), or for the address.
 */
function isOwnHost(text: string, { socket }: IncomingMessage): boolean {
  const parsed = parseHostPort(text);
  if (parsed === undefined) return false;
  const { host, port } = parsed;
  const address = socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, "") ?? "";
  const isTls = socket instanceof TLSSocket;
  if ((port ?? (isTls ? 443 : 80)) !== socket.localPort) return false;
  if (!isTls) return isLoopback(host);
  const name = (socket as TLSSocket & { servername?: string | false }).servername;
  return typeof name === "string" && name !== "" ? host.toLowerCase() === name.toLowerCase() : host === address;
}

/** Returns the origin of a dashboard, as a browser writes it. */
export function originOf(host: string, port: number, isTls: boolean): string {
  return new URL(`${isTls ? "https" : "http"}://${printHostPort(host, port)}`).origin;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
