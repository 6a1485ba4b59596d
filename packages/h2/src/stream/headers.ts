/**
 * Checks a field section as a whole (RFC 9113 §8.3): the right pseudo-headers, once each, before all other fields. The
 * same rules hold for what comes in and what goes out.
 */
import type { HeaderField } from "../header-field.js";
import { type Flaw, isPseudo, printable } from "./field-form.js";

/** `extendedConnect`: the server has announced SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §4). */
export function requestFlaw(fields: readonly HeaderField[], extendedConnect: boolean): Flaw {
  let method: string | undefined;
  let scheme: string | undefined;
  let path: string | undefined;
  let authority: string | undefined;
  let protocol: string | undefined;
  let host: string | undefined;
  let regularSeen = false;
  for (const { name, value } of fields) {
    if (!isPseudo(name)) {
      regularSeen = true;
      if (name !== "host") continue;
      if (host !== undefined) return "host twice"; // §8.3.1
      host = value;
      continue;
    }
    if (regularSeen) return `pseudo-header ${printable(name)} after a regular field`;
    let twice: boolean;
    switch (name) {
      case ":method":
        twice = method !== undefined;
        method = value;
        break;
      case ":scheme":
        twice = scheme !== undefined;
        scheme = value;
        break;
      case ":path":
        twice = path !== undefined;
        path = value;
        break;
      case ":authority":
        twice = authority !== undefined;
        authority = value;
        break;
      case ":protocol":
        if (!extendedConnect)
          return "pseudo-header :protocol, which the server has not allowed by SETTINGS_ENABLE_CONNECT_PROTOCOL";
        twice = protocol !== undefined;
        protocol = value;
        break;
      default:
        return `unknown pseudo-header ${printable(name)} in a request`;
    }
    if (twice) return `pseudo-header ${name} twice`;
  }
  if (method === undefined || method === "") return "request without :method";
  if (host !== undefined && authority !== undefined && !isSameAuthority(host, authority, scheme))
    return `host ${printable(host)} differs from :authority ${printable(authority)}`;
  if (protocol === undefined) {
    if (method === "CONNECT") {
      if (scheme !== undefined || path !== undefined) return "CONNECT with :scheme or :path"; // §8.5
      return authority === undefined || authority === "" ? "CONNECT without :authority" : undefined;
    }
  } else if (method !== "CONNECT" || protocol === "")
    return `:protocol ${printable(protocol)} with the method ${printable(method)}`;
  if (scheme === undefined || scheme === "") return "request without :scheme";
  if (path === undefined || path === "") return "request without :path";
  return scheme === "http" || scheme === "https" ? httpTargetFlaw(method, path, authority) : undefined;
}

/** §8.3.1: they name the same entity, whatever the case of the name and whether the default port is written. */
function isSameAuthority(host: string, authority: string, scheme: string | undefined): boolean {
  if (host === authority) return true;
  const port = scheme === "https" ? ":443" : ":80";
  const plain = (text: string): string => (text.endsWith(port) ? text.slice(0, -port.length) : text).toLowerCase();
  return plain(host) === plain(authority);
}

/** §8.3.1: what else an http or https URI demands. */
function httpTargetFlaw(method: string, path: string, authority: string | undefined): Flaw {
  if (path.charCodeAt(0) !== 0x2f && (path !== "*" || method !== "OPTIONS"))
    return `:path ${printable(path)} does not begin with "/"`;
  return authority?.includes("@") ? `:authority ${printable(authority)} with user information` : undefined;
}

export function responseFlaw(fields: readonly HeaderField[]): Flaw {
  let status: string | undefined;
  let regularSeen = false;
  for (const { name, value } of fields) {
    if (!isPseudo(name)) {
      regularSeen = true;
      continue;
    }
    if (name !== ":status") return `unknown pseudo-header ${printable(name)} in a response`;
    if (regularSeen) return "pseudo-header :status after a regular field";
    if (status !== undefined) return "pseudo-header :status twice";
    status = value;
  }
  if (status === undefined) return "response without :status";
  return /^[0-9]{3}$/.test(status) ? undefined : `:status ${printable(status)} is not three digits`;
}

export function trailersFlaw(fields: readonly HeaderField[]): Flaw {
  for (const { name } of fields) if (isPseudo(name)) return `pseudo-header ${printable(name)} in trailers`;
  return undefined;
}

/** The `:method` of a request's fields. */
export function methodOf(fields: readonly HeaderField[]): string | undefined {
  for (const { name, value } of fields) if (name === ":method") return value;
  return undefined;
}
