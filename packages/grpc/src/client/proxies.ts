/** The proxy through which a channel connects to an address. */
import { type ProxyServer, parseProxy, type SocketAddress } from "@trunkline/base";
import { environmentProxy } from "#platform";

/** Returns the proxy for an address; undefined where the connection is made directly. */
export type ProxyChoice = (address: SocketAddress) => ProxyServer | undefined;

/**
 * Returns the choice that the option `proxy` of a channel makes. A Unix socket never has a proxy.
 * @throws TypeError for an option that is neither false nor the URL of a proxy
 */
export function proxyChoice(option: string | false | undefined): ProxyChoice {
  if (option === false) return () => undefined;
  if (option === undefined) return (address) => ("path" in address ? undefined : environmentProxy(address));
  if (typeof option !== "string") throw new TypeError(`proxy must be a URL or false, not ${String(option)}`);
  const proxy = parseProxy(option);
  return (address) => ("path" in address ? undefined : proxy);
}
