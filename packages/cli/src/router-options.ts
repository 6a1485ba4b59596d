/**
 * The settings of `trunkline router`, each once: its flag, its key in a configuration file, its environment variable
 * and its help come from this table. It must load nothing, since `--help` needs it.
 */
import {
  defaultDashboardListen,
  defaultGrace,
  defaultKeepalive,
  defaultKeepaliveTimeout,
  defaultRouterListen,
} from "./defaults.js";

/** The settings of a router, as text; a switch is true or not there. */
export interface RouterSettings {
  readonly listen: string;
  readonly keyFile?: string | undefined;
  readonly jwks?: string | undefined;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly clockTolerance?: string | undefined;
  readonly oidcIssuer?: string | undefined;
  readonly oidcAudience?: string | undefined;
  readonly oidcClaim?: string | undefined;
  readonly oidcPrefix?: string | undefined;
  readonly oidcCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly clientCa?: string | undefined;
  readonly clientIdentity?: string | undefined;
  readonly clientPrefix?: string | undefined;
  readonly requireClientCert?: boolean | undefined;
  readonly plaintext?: boolean | undefined;
  readonly grace: string;
  readonly linger?: string | undefined;
  readonly metrics?: string | undefined;
  readonly dashboard?: string | undefined;
  readonly dashboardRights: string;
  readonly policy?: string | undefined;
  readonly audit?: string | undefined;
  readonly keepalive: string;
  readonly keepaliveTimeout: string;
  readonly limits?: string | undefined;
}

/** The flags of `trunkline router`. */
export interface RouterCommandOptions extends Partial<RouterSettings> {
  /** The file that has the other settings. */
  readonly config?: string;
  readonly printConfig?: boolean;
}

/** One setting. */
export interface RouterOption {
  /** The flag, with the short one before it and the value behind it. */
  readonly flags: string;
  readonly help: string;
  readonly byDefault?: string;
  /** The value of the flag where it stands alone. */
  readonly alone?: string;
  /** The kind of the value. The name of a file in a configuration is taken from the folder of that configuration. */
  readonly kind: "text" | "file" | "file-or-url" | "switch";
}

/** The name of a setting, which is its key in a configuration file. */
export type RouterSettingName = keyof RouterSettings;

/** The value of `dashboard` that stands for none. */
export const dashboardOff = "off";

/** All settings, in the order of the help. */
export const routerOptions: Readonly<Record<RouterSettingName, RouterOption>> = {
  listen: {
    flags: "-l, --listen <address>",
    help: "[HOST:]PORT, 0 for any free port, or unix:/path",
    byDefault: defaultRouterListen,
    kind: "text",
  },
  keyFile: {
    flags: "--key-file <file>",
    help: "the key that tokens are signed with (default: ROUTER_KEY, else that of this machine)",
    kind: "file",
  },
  jwks: {
    flags: "--jwks <file>",
    help: "public keys that tokens are verified with, too, as a JWK Set: a file, or an https:// address",
    kind: "file-or-url",
  },
  issuer: { flags: "--issuer <text>", help: "of tokens for streams (default: that of Jumpstarter)", kind: "text" },
  audience: { flags: "--audience <text>", help: "of tokens for streams (default: that of Jumpstarter)", kind: "text" },
  clockTolerance: {
    flags: "--clock-tolerance <duration>",
    help: "the difference of clocks that tokens may show",
    byDefault: "0",
    kind: "text",
  },
  oidcIssuer: {
    flags: "--oidc-issuer <url>",
    help: "a provider of OpenID Connect, whose users may listen and dial",
    kind: "text",
  },
  oidcAudience: { flags: "--oidc-audience <text>", help: "the audience that its tokens must name", kind: "text" },
  oidcClaim: {
    flags: "--oidc-claim <name>",
    help: "the claim of its tokens that is the identity (default: sub)",
    kind: "text",
  },
  oidcPrefix: {
    flags: "--oidc-prefix <text>",
    help: "stands before its identities, so that none is one of the router's own tokens",
    kind: "text",
  },
  oidcCa: { flags: "--oidc-ca <file>", help: "trusts these certificates for it, PEM", kind: "file" },
  tlsCert: { flags: "--tls-cert <file>", help: "certificate chain, PEM; needed beyond loopback", kind: "file" },
  tlsKey: { flags: "--tls-key <file>", help: "its private key, PEM", kind: "file" },
  clientCa: {
    flags: "--client-ca <file>",
    help: "clients with a certificate that these vouch for need no token, PEM",
    kind: "file",
  },
  clientIdentity: {
    flags: "--client-identity <kind>",
    help: "the name in it that is the identity: common-name, dns, uri or email (default: common-name)",
    kind: "text",
  },
  clientPrefix: {
    flags: "--client-prefix <text>",
    help: "stands before these identities, so that none is one of a token",
    kind: "text",
  },
  requireClientCert: {
    flags: "--require-client-cert",
    help: "lets in only clients with a certificate, those with tokens included",
    kind: "switch",
  },
  plaintext: { flags: "--plaintext", help: "no TLS, also beyond loopback", kind: "switch" },
  grace: {
    flags: "--grace <duration>",
    help: "how long open connections may go on after SIGINT or SIGTERM",
    byDefault: defaultGrace,
    kind: "text",
  },
  linger: {
    flags: "--linger <duration>",
    help: "how long a reader may pause after its other side was lost (default: without limit)",
    kind: "text",
  },
  metrics: {
    flags: "--metrics <address>",
    help: "[HOST:]PORT for /metrics (Prometheus), /livez and /readyz",
    kind: "text",
  },
  dashboard: {
    flags: "--dashboard [address]",
    help:
      `[HOST:]PORT of a page that shows the router, or ${dashboardOff}; beyond loopback it needs TLS ` +
      `(default: ${defaultDashboardListen} where --listen is not given)`,
    alone: defaultDashboardListen,
    kind: "text",
  },
  dashboardRights: {
    flags: "--dashboard-rights <rights>",
    help: "what the page's link may do: see, or act, which can end streams too",
    byDefault: "act",
    kind: "text",
  },
  policy: {
    flags: "--policy <file>",
    help: "who may listen and dial under which names, YAML; looked at again every two seconds",
    kind: "file",
  },
  audit: {
    flags: "--audit <file>",
    help: "a line of JSON for each stream that has ended: who, whom, how long, bytes, why",
    kind: "file",
  },
  keepalive: {
    flags: "--keepalive <duration>",
    help: "time without a byte after which the other end of a router connection is asked for life; 0 for never",
    byDefault: defaultKeepalive,
    kind: "text",
  },
  keepaliveTimeout: {
    flags: "--keepalive-timeout <duration>",
    help: "time for its answer before the connection is given up",
    byDefault: defaultKeepaliveTimeout,
    kind: "text",
  },
  limits: {
    flags: "--limits <list>",
    help: "limits of the router by name, as maxListeners=100,maxDialWaitMs=5000; the page of limits has them all",
    kind: "text",
  },
};

/** The names of all settings. */
export const routerSettingNames = Object.keys(routerOptions) as readonly RouterSettingName[];

/** Returns the flag of a setting: `--tls-cert`. */
export function flagOf(name: RouterSettingName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The beginning of the environment variables of a router. */
export const variablePrefix = "TRUNKLINE_ROUTER_";

/** Returns the environment variable of a setting: `TRUNKLINE_ROUTER_TLS_CERT`. */
export function variableOf(name: string): string {
  return `${variablePrefix}${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
