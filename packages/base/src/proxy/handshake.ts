/** The handshake with a proxy as a machine without I/O: bytes in, bytes out. */
import type { TcpAddress } from "../address.js";
import { HttpConnect } from "./http-connect.js";
import type { ProxyServer } from "./proxy.js";
import { Socks5 } from "./socks5.js";
import type { ProxyHandshake } from "./step.js";

/**
 * Begins a handshake that asks `proxy` for a connection to `target`.
 * @throws TypeError for a host that the protocol of the proxy cannot name
 */
export function proxyHandshake(proxy: ProxyServer, target: TcpAddress): ProxyHandshake {
  const { protocol, credentials } = proxy;
  return protocol === "http" || protocol === "https"
    ? new HttpConnect(target, credentials)
    : new Socks5(target, credentials);
}
