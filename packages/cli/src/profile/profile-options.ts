/** `--profile`: the way to the router from the file of profiles, for every command that uses a router. */
import { CommandError } from "../command-error.js";
import type { Environment } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { loadFiles } from "../operation/file-watch.js";
import type { AccessOptions } from "../router-access.js";
import { accessOf, chooseProfile, type Profile, profilesFile, profilesPath } from "./profiles.js";

/**
 * Returns the options with those of their profile. What is given beside it counts before it. `dials` is true for a
 * command that dials, which takes the identity of the profile and its trust in exposers, too.
 * @throws CommandError
 */
export async function withProfile<Options extends AccessOptions>(
  options: Options,
  env: Environment,
  dials: boolean,
): Promise<Options> {
  const { profile: given, endpoint, tokenFile, tlsCa, tlsCert, tlsKey, plaintext } = options;
  if (given === undefined) return options;
  // The token of one router is not shown to another one.
  if (endpoint !== undefined) throw new CommandError("--profile and --endpoint exclude each other", ExitCode.usage);
  const path = profilesPath(env);
  const { value } = await loadFiles(profilesFile(path));
  const profile = accessOf(value.profiles[chooseProfile(value, given, path)] as Profile, path, env);
  const isTransportGiven = [tlsCa, tlsCert, tlsKey, plaintext].some((each) => each !== undefined);
  const { identity, peerKey, peerCa } = options;
  const takesIdentity = dials && [identity, peerKey, peerCa].every((each) => each === undefined);
  return {
    ...options,
    ...(takesIdentity && { identity: profile.identity, peerKey: profile.peerKey, peerCa: profile.peerCa }),
    endpoint: profile.endpoint,
    tokenFile: tokenFile ?? profile.tokenFile,
    proxy: options.proxy ?? profile.proxy,
    ...(!isTransportGiven && {
      tlsCa: profile.tlsCa,
      tlsCert: profile.tlsCert,
      tlsKey: profile.tlsKey,
      plaintext: profile.plaintext,
    }),
  };
}
