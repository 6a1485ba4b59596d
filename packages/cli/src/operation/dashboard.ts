/** The dashboard of a router: where it is served, with which certificate, and the link to it. */
import { createHmac } from "node:crypto";
import type { SecureContextOptions } from "node:tls";
import type { TcpAddress } from "@trunkline/base";
import type { Dashboard, DashboardRights, RouterSetting } from "@trunkline/dashboard";
import type { KeySource, RouterView } from "@trunkline/router";
import { CommandError, reasonOf } from "../command-error.js";
import type { Context } from "../context.js";
import { defaultDashboardListen } from "../defaults.js";
import { ExitCode } from "../exit-codes.js";
import { dashboardOff } from "../router-options.js";
import { cannotListen } from "../sockets.js";
import { isLocalAddress, parseListen, printAddress } from "../target.js";

/** The dashboard that a user asked for. */
export interface DashboardChoice {
  readonly address: TcpAddress;
  readonly rights: DashboardRights;
  /** True where nobody asked for it: then it takes another port, or is left out, rather than end the router. */
  readonly isDefault: boolean;
  readonly tls: SecureContextOptions | undefined;
}

/** The settings that choose the dashboard. */
export interface DashboardSettings {
  /** The address, or `off`. */
  readonly dashboard?: string | undefined;
  readonly dashboardRights: string;
  /** True for a router that only this machine reaches, and whose user has said nothing about its address. */
  readonly isLocalRouter: boolean;
  /** The router's certificate, which a dashboard beyond loopback has too. */
  readonly tls: SecureContextOptions | undefined;
}

/** Returns the dashboard that is to be served, undefined for none. @throws CommandError */
export function chooseDashboard(settings: DashboardSettings): DashboardChoice | undefined {
  const { dashboard, dashboardRights, isLocalRouter, tls } = settings;
  if (dashboard === dashboardOff || (dashboard === undefined && !isLocalRouter)) return undefined;
  const address = parseListen(dashboard ?? defaultDashboardListen);
  if ("path" in address) throw new CommandError(`--dashboard ${dashboard}: a browser needs a port`, ExitCode.usage);
  const isLocal = isLocalAddress(address);
  if (!isLocal && tls === undefined) {
    const where = `${printAddress(address)}, which other machines can reach,`;
    throw new CommandError(`a dashboard on ${where} needs --tls-cert and --tls-key`, ExitCode.usage);
  }
  const rights = dashboardRights as DashboardRights;
  return { address, rights, isDefault: dashboard === undefined, tls: isLocal ? undefined : tls };
}

/** A dashboard that is served. */
export interface ServedDashboard extends AsyncDisposable {
  /** Prints a new link. */
  lookNow(): void;
  /** Gives new connections another certificate. */
  updateTls(tls: SecureContextOptions): void;
}

/**
 * Serves a dashboard, and prints a link to it. @returns undefined where nobody asked for it, and it cannot be served
 * @throws CommandError
 */
export async function openDashboard(
  choice: DashboardChoice,
  view: RouterView,
  { keys, settings }: { readonly keys: readonly KeySource[]; readonly settings: readonly RouterSetting[] },
  context: Context,
): Promise<ServedDashboard | undefined> {
  const { output } = context;
  const { address, rights, isDefault, tls } = choice;
  const { serveDashboard } = await import("@trunkline/dashboard");
  const serve = (port: number): Promise<Dashboard> =>
    serveDashboard(view, {
      address: { host: address.host, port },
      tls,
      settings,
      cookieKey: cookieKeyOf(keys),
      onAction({ action, peer, problem }) {
        const text = problem === undefined ? `the dashboard did: ${action}` : `the dashboard could not: ${action}`;
        output.note(
          "info",
          { event: "dashboard-action", action, peer, ...(problem !== undefined && { problem }) },
          text,
        );
      },
      onError: (error) =>
        output.note("error", { event: "dashboard-error", error: reasonOf(error) }, `the dashboard: ${reasonOf(error)}`),
    });
  let dashboard: Dashboard;
  try {
    dashboard = await serve(address.port).catch((error: unknown) => {
      if (!isDefault) throw error;
      return serve(0);
    });
  } catch (error) {
    if (!isDefault) throw cannotListen(address, error);
    output.note("warn", { event: "dashboard-error", error: reasonOf(error) }, `no dashboard: ${reasonOf(error)}`);
    return undefined;
  }
  const printLink = (): void => {
    const url = dashboard.newLink(rights);
    output.result(
      { event: "dashboard", url, rights, address: dashboard.address, goodForMs: dashboard.linkLifetimeMs },
      `dashboard ${url} (good once, for five minutes; SIGHUP prints another one)`,
    );
  };
  printLink();
  return {
    lookNow: printLink,
    updateTls: (renewed) => dashboard.updateTls(renewed),
    [Symbol.asyncDispose]: () => dashboard[Symbol.asyncDispose](),
  };
}

/** Returns the key of cookies: derived from that of the router, so that pages stay signed in over its restart. */
function cookieKeyOf(keys: readonly KeySource[]): Uint8Array | undefined {
  const key = keys.find((each) => "secret" in each);
  return key && createHmac("sha256", key.secret).update("trunkline dashboard cookies v1").digest();
}
