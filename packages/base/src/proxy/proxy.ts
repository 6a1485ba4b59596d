/** Proxies and their URLs. No message and no printed form of one has its password. */
import { parseHostPort, printHostPort } from "../address.js";
import { utf8Bytes } from "./text.js";

/**
 * The protocol of a proxy. `http` and `https` are HTTP CONNECT (RFC 9110 §9.3.6), over plaintext or TLS. With `socks5`
 * (RFC 1928) names are resolved on this side, with `socks5h` by the proxy.
 */
export type ProxyProtocol = "http" | "https" | "socks5" | "socks5h";

/** The user and the password for a proxy. */
export interface ProxyCredentials {
  readonly user: string;
  readonly password: string;
}

/** A proxy. */
export interface ProxyServer {
  readonly protocol: ProxyProtocol;
  readonly host: string;
  readonly port: number;
  readonly credentials: ProxyCredentials | undefined;
}

const defaultPorts: Readonly<Record<ProxyProtocol, number>> = { http: 80, https: 443, socks5: 1080, socks5h: 1080 };

const forms = '"http://host:port", "https://host:port", "socks5://host:port" or "socks5h://host:port"';

/**
 * Parses the URL of a proxy: `http://user:password@host:port`. Special characters of user and password are written as
 * in every URL (`%40` for `@`). Without a scheme it is `http`; the default ports are 80, 443 and 1080.
 * @param source the option or variable that holds the text, for messages; these have no more of it than its scheme
 * @throws TypeError for text that is no URL of a proxy
 */
export function parseProxy(text: string, source = "proxy"): ProxyServer {
  const refuse = (why: string): TypeError => new TypeError(`${source} ${why}: use ${forms}`);
  if (typeof text !== "string") throw refuse("is not the URL of a proxy");
  const [, scheme = "http", login, place = ""] =
    /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:(.*)@)?([^@]*?)\/?$/is.exec(text) ?? [];
  const protocol = scheme.toLowerCase();
  if (!Object.hasOwn(defaultPorts, protocol)) throw refuse(`has ${JSON.stringify(scheme)} as the protocol of a proxy`);
  const parsed = parseHostPort(place);
  if (parsed === undefined || parsed.port === 0) throw refuse("has no host and port of a proxy");
  const known = protocol as ProxyProtocol;
  const { host, port = defaultPorts[known] } = parsed;
  const credentials = login === undefined ? undefined : parseLogin(login, known, source);
  return { protocol: known, host, port, credentials };
}

/** The longest user and password that SOCKS5 can send (RFC 1929 §2); HTTP is held to the same. */
const maxCredentialBytes = 255;

function parseLogin(login: string, protocol: ProxyProtocol, source: string): ProxyCredentials {
  const [, first = "", second = ""] = /^([^:]*):?(.*)$/s.exec(login) ?? [];
  const [user, password] = [decoded(first, "user", source), decoded(second, "password", source)];
  const isHttp = protocol === "http" || protocol === "https";
  if (isHttp && user.includes(":")) throw new TypeError(`${source} has a user with a colon, which HTTP cannot send`);
  if (!isHttp && (user === "") !== (password === ""))
    throw new TypeError(`${source} has a user or a password alone, and SOCKS5 needs both`);
  return { user, password };
}

function decoded(part: string, name: string, source: string): string {
  let text: string;
  let length: number;
  try {
    text = decodeURIComponent(part);
    ({ length } = utf8Bytes(text));
  } catch {
    throw new TypeError(`the ${name} in ${source} cannot be read: write "%" as "%25"`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are refused
  if (/[\x00-\x1f\x7f]/.test(text)) throw new TypeError(`the ${name} in ${source} has control characters`);
  if (length > maxCredentialBytes)
    throw new TypeError(`the ${name} in ${source} has ${length} bytes, and the limit is ${maxCredentialBytes}`);
  return text;
}

/** Returns the host and port of a proxy, for messages. */
export function printProxy({ host, port }: ProxyServer): string {
  return printHostPort(host, port);
}

/** Returns true where the proxy resolves the names of targets, so that this side does not. */
export function resolvesNames({ protocol }: ProxyServer): boolean {
  return protocol !== "socks5";
}
