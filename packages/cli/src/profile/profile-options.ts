/**
 * The way to the router from the file of profiles, for every command that uses a router: by `--profile`, or by the
 * default of the file where nothing else says where the router is.
 */
import { access } from "node:fs/promises";
import { CommandError } from "../command-error.js";
import type { Environment } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { loadFiles } from "../operation/file-watch.js";
import { type AccessOptions, nonEmpty } from "../router-access.js";
import { accessOf, chooseProfile, type Profile, profilesFile, profilesPath } from "./profiles.js";

/**
 * Returns the options with those of their profile. What is given beside it counts before it; the environment does where
 * the profile is the default. `dials` is true for a command that dials, which takes the identity of the profile and its
 * trust in exposers, too.
 * @throws CommandError
 */
export async function withProfile<Options extends AccessOptions>(
  options: Options,
  env: Environment,
  dials: boolean,
): Promise<Options> {
  const { profile: given, endpoint, tokenFile, tlsCa, tlsCert, tlsKey, plaintext } = options;
  // The token of one router is not shown to another one.
  if (given !== undefined && endpoint !== undefined)
    throw new CommandError("--profile and --endpoint exclude each other", ExitCode.usage);
  const path = profilesPath(env);
  const isDefault = given === undefined;
  if (
    isDefault &&
    (endpoint !== undefined || nonEmpty(env["TRUNKLINE_ENDPOINT"]) !== undefined || !(await isThere(path)))
  )
    return options;
  const { value } = await loadFiles(profilesFile(path));
  if (isDefault && value.default === undefined) return options;
  const profile = accessOf(value.profiles[chooseProfile(value, given, path)] as Profile, path, env);
  const isTransportGiven = [tlsCa, tlsCert, tlsKey, plaintext].some((each) => each !== undefined);
  const { identity, peerKey, peerCa } = options;
  const takesIdentity = dials && [identity, peerKey, peerCa].every((each) => each === undefined);
  const outranked = (name: string): boolean => isDefault && nonEmpty(env[name]) !== undefined;
  return {
    ...options,
    ...(takesIdentity && { identity: profile.identity, peerKey: profile.peerKey, peerCa: profile.peerCa }),
    endpoint: profile.endpoint,
    tokenFile: tokenFile ?? (outranked("TRUNKLINE_TOKEN") ? undefined : profile.tokenFile),
    proxy: options.proxy ?? (outranked("TRUNKLINE_PROXY") ? undefined : profile.proxy),
    ...(!isTransportGiven && {
      tlsCa: profile.tlsCa,
      tlsCert: profile.tlsCert,
      tlsKey: profile.tlsKey,
      plaintext: profile.plaintext,
    }),
  };
}

/** Returns false where there is no such file; one that cannot be read is there. */
async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
}
