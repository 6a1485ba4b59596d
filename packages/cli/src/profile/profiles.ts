/**
 * The file of profiles: routers by name, how to reach them, and the forwards that are wanted there. It names the files
 * of tokens and holds no secret itself.
 */
import { dirname, join, resolve } from "node:path";
import { CommandError, reasonOf } from "../command-error.js";
import type { Environment } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { type Forward, parseForwards } from "../forward/forward-grammar.js";
import type { FileSource } from "../operation/file-watch.js";
import { type YamlSchema, yamlFile } from "../operation/yaml-file.js";
import { type AccessOptions, checkProxy } from "../router-access.js";
import { parseEndpoint } from "../target.js";

/** One profile, as the file has it. */
export interface Profile {
  readonly endpoint?: string | readonly string[];
  readonly tokenFile?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** The identity for TLS through the router, and the exposers that are trusted. */
  readonly identity?: string;
  readonly peerKey?: string | readonly string[];
  readonly peerCa?: string;
  readonly plaintext?: boolean;
  /** The URL of the proxy to the router, without a password, or `none`. */
  readonly proxy?: string;
  readonly forwards?: readonly string[];
}

/** The content of the file. */
export interface Profiles {
  /** The profile that is used where none is named. */
  readonly default?: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** The most profiles of a file, and the most endpoints of a profile: as many as a client takes. */
const maxProfiles = 100;
const maxEndpoints = 16;
const maxPins = 100;
const maxTextChars = 4_096;

/** The keys whose values are files. */
const fileKeys = ["tokenFile", "tlsCa", "tlsCert", "tlsKey", "identity", "peerCa"] as const;

/** Returns the path of the file. */
export function profilesPath(env: Environment): string {
  const base = env["XDG_CONFIG_HOME"] || join(env["HOME"] ?? ".", ".config");
  return join(base, "trunkline", "config.yaml");
}

/** Returns the file as a source that can be read again and again. */
export function profilesFile(path: string): FileSource<Profiles> {
  return yamlFile(path, "the profiles", profilesSchema);
}

/** Returns the name of the profile to use: the given one, the default, or the only one. @throws CommandError */
export function chooseProfile(
  { profiles, default: preset }: Profiles,
  given: string | undefined,
  path: string,
): string {
  const names = Object.keys(profiles);
  const name = given ?? preset ?? (names.length === 1 ? names[0] : undefined);
  const known = `the profiles in ${path} are ${names.join(", ")}`;
  if (name === undefined) throw new CommandError(`choose a profile with --profile; ${known}`, ExitCode.usage);
  if (Object.hasOwn(profiles, name)) return name;
  throw new CommandError(`there is no profile ${JSON.stringify(name)}; ${known}`, ExitCode.usage);
}

/** Returns the options of a profile for the way to its router. Paths are relative to the folder of the file. */
export function accessOf(profile: Profile, path: string, env: Environment): AccessOptions {
  const { endpoint, tokenFile, tlsCa, tlsCert, tlsKey, plaintext, proxy, identity, peerKey, peerCa } = profile;
  const pathOf = (text: string | undefined): string | undefined => {
    if (text === undefined) return undefined;
    return text.startsWith("~/") ? join(env["HOME"] ?? ".", text.slice(2)) : resolve(dirname(path), text);
  };
  return {
    endpoint: listOf(endpoint),
    identity: pathOf(identity),
    peerKey: listOf(peerKey),
    peerCa: pathOf(peerCa),
    tokenFile: pathOf(tokenFile),
    tlsCa: pathOf(tlsCa),
    tlsCert: pathOf(tlsCert),
    tlsKey: pathOf(tlsKey),
    plaintext,
    proxy,
  };
}

function listOf(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof value === "string" ? [value] : value;
}

/** Returns the forwards of a profile that was checked. */
export function forwardsOf({ forwards = [] }: Profile): Forward[] {
  return forwards.flatMap((text) => parseForwards(wordsOf(text)));
}

/** The schema of the file. */
export const profilesSchema: YamlSchema = {
  what: "a file of profiles",
  checkedBy: "trunkline check --profiles",
  problemsOf: (value) => [...problemsOfFile(value)],
};

type Problem = ReturnType<YamlSchema["problemsOf"]>[number];
type Path = Problem["path"];

function* problemsOfFile(value: unknown): IterableIterator<Problem> {
  if (!isMap(value)) return yield { path: [], message: "it must have the key profiles" };
  yield* unknownKeys(value, ["default", "profiles"], []);
  const { default: preset, profiles } = value;
  if (!isMap(profiles) || Object.keys(profiles).length === 0)
    return yield { path: ["profiles"], message: "profiles must be a map of at least one profile by its name" };
  const names = Object.keys(profiles);
  if (names.length > maxProfiles)
    return yield { path: ["profiles"], message: `${names.length} profiles are more than ${maxProfiles}` };
  if (preset !== undefined && !(typeof preset === "string" && Object.hasOwn(profiles, preset)))
    yield { path: ["default"], message: `default must be one of the profiles: ${names.join(", ")}` };
  for (const [name, profile] of Object.entries(profiles)) yield* problemsOfProfile(name, profile);
}

function* problemsOfProfile(name: string, profile: unknown): IterableIterator<Problem> {
  const path = ["profiles", name];
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    yield { path, message: "the name of a profile has 1 to 64 letters, digits and . _ - between them" };
  if (!isMap(profile)) return yield { path, message: "a profile must be a map" };
  yield* unknownKeys(profile, ["endpoint", ...fileKeys, "peerKey", "plaintext", "proxy", "forwards"], path);
  const { endpoint, plaintext, proxy, tlsCa, tlsCert, tlsKey, forwards } = profile;
  yield* problemsOfEndpoint(endpoint, [...path, "endpoint"]);
  for (const key of fileKeys) {
    const file = profile[key];
    if (file !== undefined && !isText(file))
      yield { path: [...path, key], message: `${key} must be the path of a file` };
  }
  if (plaintext !== undefined && typeof plaintext !== "boolean")
    yield { path: [...path, "plaintext"], message: "plaintext must be true or false" };
  if (proxy !== undefined) {
    const message = isText(proxy) ? complaint(() => checkProxy(proxy, "proxy")) : "proxy must be a URL, or none";
    if (message !== undefined) yield { path: [...path, "proxy"], message };
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) yield { path, message: "tlsCert and tlsKey go together" };
  if (plaintext === true && (tlsCa ?? tlsCert) !== undefined)
    yield { path: [...path, "plaintext"], message: "tlsCa, tlsCert and plaintext exclude each other" };
  yield* problemsOfIdentity(profile, path);
  yield* problemsOfForwards(forwards, [...path, "forwards"]);
}

function* problemsOfIdentity(profile: Readonly<Record<string, unknown>>, path: Path): IterableIterator<Problem> {
  const { identity, peerKey, peerCa } = profile;
  const pins = Array.isArray(peerKey) ? peerKey : [peerKey];
  if (peerKey !== undefined && (pins.length === 0 || pins.length > maxPins || !pins.every(isText)))
    yield { path: [...path, "peerKey"], message: `peerKey must be a pin, or a list of 1 to ${maxPins} of them` };
  if (identity === undefined ? (peerKey ?? peerCa) !== undefined : (peerKey === undefined) === (peerCa === undefined))
    yield { path, message: "identity goes with peerKey or with peerCa, and neither without it" };
}

function* problemsOfEndpoint(endpoint: unknown, path: Path): IterableIterator<Problem> {
  if (endpoint === undefined) return;
  const list = Array.isArray(endpoint) ? endpoint : [endpoint];
  if (list.length === 0 || list.length > maxEndpoints || !list.every(isText))
    return yield { path, message: `endpoint must be an address, or a list of 1 to ${maxEndpoints} of them` };
  for (const [index, each] of list.entries()) {
    const message = complaint(() => parseEndpoint(each));
    if (message !== undefined) yield { path: Array.isArray(endpoint) ? [...path, index] : path, message };
  }
}

function* problemsOfForwards(forwards: unknown, path: Path): IterableIterator<Problem> {
  if (forwards === undefined) return;
  if (!Array.isArray(forwards)) return yield { path, message: "forwards must be a list, as in - 8080:web" };
  const all = complaint(() => parseForwards(forwards.map(() => "0:web")));
  if (all !== undefined) return yield { path, message: all };
  const seen = new Set<unknown>();
  for (const [index, each] of forwards.entries()) {
    const message = seen.has(each) ? `the forward ${JSON.stringify(each)} is there twice` : problemOfForward(each);
    seen.add(each);
    if (message !== undefined) yield { path: [...path, index], message };
  }
}

function problemOfForward(text: unknown): string | undefined {
  if (!isText(text)) return "a forward must be text, as in - 8080:web";
  return complaint(() => {
    const { length } = parseForwards(wordsOf(text));
    if (length !== 1) throw new CommandError(`${length} forwards are in one entry; each has its own`, ExitCode.usage);
  });
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function* unknownKeys(
  map: Readonly<Record<string, unknown>>,
  known: readonly string[],
  path: Path,
): IterableIterator<Problem> {
  for (const key of Object.keys(map)) {
    if (known.includes(key)) continue;
    const secret = /token|secret|password/i.test(key)
      ? "; a secret is not kept here: name its file with tokenFile"
      : "";
    yield {
      path: [...path, key],
      message: `the key ${JSON.stringify(key)} is unknown, use ${known.join(", ")}${secret}`,
    };
  }
}

/** Returns the message of the error that is thrown, undefined where none is. */
function complaint(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "" && value.length <= maxTextChars && !value.includes("\0");
}
