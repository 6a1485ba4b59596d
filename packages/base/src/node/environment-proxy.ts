/** The proxy that the environment of this process names. */
import process from "node:process";
import type { TcpAddress } from "../address.js";
import { proxyFromEnvironment } from "../proxy/environment.js";
import type { ProxyServer } from "../proxy/proxy.js";

/** Returns `proxyFromEnvironment` for the environment of this process. @throws TypeError as that does */
export function environmentProxy(target: TcpAddress): ProxyServer | undefined {
  return proxyFromEnvironment(target, process.env);
}
