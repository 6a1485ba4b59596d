/** The proxy that the environment names for a target, by the rules of gRPC. */
import { isLoopback, parseHostPort, type TcpAddress } from "../address.js";
import { parseIp, sharesPrefix } from "./ip.js";
import { type ProxyServer, parseProxy } from "./proxy.js";

/** Variables of an environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

const proxyVariables = ["grpc_proxy", "https_proxy", "http_proxy", "all_proxy"];
const exceptionVariables = ["no_grpc_proxy", "no_proxy"];

/**
 * Returns the proxy that the environment names for `target`: the first of `grpc_proxy`, `https_proxy`, `http_proxy` and
 * `all_proxy` that is set, in lower case or else in upper case. There is none for loopback, and for targets that the
 * first of `no_grpc_proxy` and `no_proxy` lists. `HTTP_PROXY` is left alone where `REQUEST_METHOD` is set: in CGI it is
 * a header of the request.
 * @throws TypeError that names the variable, for one that is no URL of a proxy
 */
export function proxyFromEnvironment(target: TcpAddress, environment: Environment): ProxyServer | undefined {
  if (isLoopback(target.host)) return undefined;
  const found = firstSet(proxyVariables, environment);
  if (found === undefined || isExcepted(target, firstSet(exceptionVariables, environment)?.value)) return undefined;
  return parseProxy(found.value, `the environment variable ${found.name}`);
}

function firstSet(
  names: readonly string[],
  environment: Environment,
): { readonly name: string; readonly value: string } | undefined {
  for (const name of names.flatMap((lower) => [lower, lower.toUpperCase()])) {
    if (name === "HTTP_PROXY" && environment["REQUEST_METHOD"] !== undefined) continue;
    const value = environment[name]?.trim();
    if (value !== undefined && value !== "") return { name, value };
  }
  return undefined;
}

/**
 * Returns true if a list of exceptions names the target. Entries are separated by commas or blanks: `*`, an IP address,
 * a CIDR, a name (with all names below it), `.name` or `*.name` (those below it only). Names and addresses may have a
 * port.
 */
export function isExcepted({ host, port }: TcpAddress, list: string | undefined): boolean {
  const ip = parseIp(host);
  const name = plainName(host);
  return (list ?? "").split(/[\s,]+/).some((entry) => {
    if (entry === "" || entry === "*") return entry === "*";
    const [, network, bits] = /^(.*)\/([0-9]{1,3})$/.exec(entry) ?? [];
    if (network !== undefined) {
      const base = parseIp(network);
      const isPrefix = base !== undefined && Number(bits) <= 8 * base.length;
      return isPrefix && ip !== undefined && sharesPrefix(ip, base, Number(bits));
    }
    const bare = parseIp(entry);
    const parsed = bare === undefined ? parseHostPort(entry) : { host: entry, port: undefined };
    if (parsed === undefined || (parsed.port !== undefined && parsed.port !== port)) return false;
    const own = bare ?? parseIp(parsed.host);
    if (own !== undefined || ip !== undefined)
      return own !== undefined && ip !== undefined && sharesPrefix(ip, own, 8 * own.length);
    const wanted = plainName(parsed.host.replace(/^\*(?=\.)/, ""));
    return wanted.startsWith(".") ? name.endsWith(wanted) : name === wanted || name.endsWith(`.${wanted}`);
  });
}

function plainName(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}
