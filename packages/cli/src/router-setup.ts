/** The things that a router of the command line starts with: its key and its certificate. */
import type { CertificateName, ClientCertificates, IdentityIssuer, KeySource } from "@trunkline/router";
import { readCertificates } from "./certificates.js";
import { CommandError } from "./command-error.js";
import type { Context } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { isUrl, keyAddress } from "./key-address.js";
import { localRouter } from "./local-router.js";
import { type LoadedFiles, loadFiles } from "./operation/file-watch.js";
import { environmentKey, type KeyFiles, keyFiles, localKey } from "./router-key.js";
import type { RouterSettings } from "./router-options.js";
import { probe } from "./sockets.js";
import { parseEndpoint } from "./target.js";

/** The keys of a router, and whether it may write this machine's file. */
export interface RouterKeys {
  readonly keys: readonly KeySource[];
  /** The files that keys come from; undefined where none do. */
  readonly files: LoadedFiles<readonly KeySource[]> | undefined;
  /** True if the user gave the key that signs, so that others can have tokens also without the local file. */
  readonly given: boolean;
  /** The endpoint of the router to which this machine's file belongs; undefined where the file is free. */
  readonly otherAt: string | undefined;
}

/**
 * Returns the keys that were given, else that of this machine, which outlives its routers.
 * @throws CommandError also when no key is given and a router runs here already: no other process could find this one
 */
export async function chooseKeys(options: KeyFiles, context: Context): Promise<RouterKeys> {
  const { output, env, signal } = context;
  const given = options.keyFile === undefined ? environmentKey(context) : [];
  const loaded = given && (await loadKeys(options, given));
  const local = await localRouter(env).catch((error: CommandError) => {
    output.note("warn", { event: "local-file-ignored", error: error.message }, `${error.message}; it is replaced`);
    return undefined;
  });
  // The number of a process that has ended may belong to another one by now: only a refusal proves that the router is
  // gone. A probe that finds no answer in time says nothing, and the file stays with the router that wrote it.
  const otherAt =
    local?.alive === true && (await probe(parseEndpoint(local.endpoint), signal)) !== "refused"
      ? local.endpoint
      : undefined;
  if (loaded !== undefined) return { ...loaded, given: true, otherAt };
  if (otherAt !== undefined) {
    const message = `a router runs on this machine already, at ${otherAt} (process ${local?.pid})`;
    throw new CommandError(`${message}; a second one needs --key-file or ROUTER_KEY`, ExitCode.cannotCreate);
  }
  const own = [{ secret: (await localKey(env, true)) as string }];
  return { ...(await loadKeys(options, own)), given: false, otherAt };
}

async function loadKeys(options: KeyFiles, given: readonly KeySource[]): Promise<Pick<RouterKeys, "keys" | "files">> {
  const { jwks } = options;
  const fixed = jwks !== undefined && isUrl(jwks) ? [...given, { jwksUrl: keyAddress(jwks, "--jwks") }] : given;
  const source = keyFiles(options, fixed);
  if (source === undefined) return { keys: fixed, files: undefined };
  const files = await loadFiles(source);
  return { keys: files.value, files };
}

/** The settings of a provider of OpenID Connect. */
export type OidcSettings = Pick<RouterSettings, "oidcIssuer" | "oidcAudience" | "oidcClaim" | "oidcPrefix" | "oidcCa">;

/** Returns the issuers of identities. @throws CommandError for settings that do not go together, or a bad file */
export async function identityIssuers(settings: OidcSettings): Promise<readonly IdentityIssuer[]> {
  const { oidcIssuer, oidcAudience, oidcClaim, oidcPrefix, oidcCa } = settings;
  const others = { "--oidc-audience": oidcAudience, "--oidc-claim": oidcClaim, "--oidc-prefix": oidcPrefix };
  if (oidcIssuer === undefined) {
    const alone = Object.entries({ ...others, "--oidc-ca": oidcCa }).find(([, value]) => value !== undefined)?.[0];
    if (alone === undefined) return [];
    throw new CommandError(`${alone} needs --oidc-issuer`, ExitCode.usage);
  }
  if (oidcAudience === undefined) {
    const why = "without it, tokens that the issuer makes for other services would be good here";
    throw new CommandError(`--oidc-issuer needs --oidc-audience: ${why}`, ExitCode.usage);
  }
  const ca = oidcCa === undefined ? undefined : await readCertificates(oidcCa, "--oidc-ca");
  return [{ issuer: oidcIssuer, audience: oidcAudience, identityClaim: oidcClaim, identityPrefix: oidcPrefix, ca }];
}

/** The settings of client certificates. */
export type ClientCertSettings = Pick<
  RouterSettings,
  "clientCa" | "clientIdentity" | "clientPrefix" | "requireClientCert"
>;

/** Returns how users are known by their certificates, undefined where they are not. @throws CommandError */
export function clientCertificates(settings: ClientCertSettings): ClientCertificates | undefined {
  const { clientCa, clientIdentity, clientPrefix, requireClientCert } = settings;
  if (clientCa !== undefined)
    return { identityFrom: clientIdentity as CertificateName | undefined, identityPrefix: clientPrefix };
  const others = {
    "--client-identity": clientIdentity,
    "--client-prefix": clientPrefix,
    "--require-client-cert": requireClientCert,
  };
  const alone = Object.entries(others).find(([, value]) => value !== undefined)?.[0];
  if (alone !== undefined) throw new CommandError(`${alone} needs --client-ca`, ExitCode.usage);
  return undefined;
}
