/** `trunkline token inspect [FILE]`: the content of a token, without a check of its signature. */
import { CommandError } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { formatDuration, printable } from "../format.js";
import { readSecretFile } from "../secret-file.js";

/** Prints what a token says. The token comes from a file or from TRUNKLINE_TOKEN. @throws CommandError */
export async function inspectToken(file: string | undefined, context: Context): Promise<void> {
  const { output, env } = context;
  const given = env["TRUNKLINE_TOKEN"]?.trim();
  if (file === undefined && (given === undefined || given === ""))
    throw new CommandError("there is no token: name its file, or set TRUNKLINE_TOKEN", ExitCode.usage);
  const token = file === undefined ? (given as string) : await readSecretFile(file, "the token file");
  const where = file === undefined ? "TRUNKLINE_TOKEN" : `the token file ${file}`;
  const [header, claims, ...rest] = token.split(".").map(decoded);
  if (header === undefined || claims === undefined || rest.length !== 1)
    throw new CommandError(`${where} holds no JWT: that has three parts with dots between them`, ExitCode.unreadable);
  output.result({ event: "token-content", header, claims }, linesOf(header, claims));
}

type Part = Readonly<Record<string, unknown>>;

/** Returns the JSON object of a part of a JWT; undefined for anything else, such as a signature. */
function decoded(part: string): Part | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Part) : undefined;
  } catch {
    return undefined;
  }
}

function linesOf(header: Part, claims: Part): string {
  const rows: [string, string][] = [
    ["identity", shown(claims["sub"])],
    ["audience", shown(claims["aud"])],
    ["issuer", shown(claims["iss"])],
    ["algorithm", `${shown(header["alg"])}${header["kid"] === undefined ? "" : `, key ${shown(header["kid"])}`}`],
    ["expires", expiry(claims["exp"])],
  ];
  return rows.map(([name, value]) => `${name.padEnd(9)}  ${value}`).join("\n");
}

function shown(value: unknown): string {
  return value === undefined ? "none" : typeof value === "string" ? printable(value) : JSON.stringify(value);
}

function expiry(seconds: unknown): string {
  if (typeof seconds !== "number" || !(Math.abs(seconds) <= 8.64e12)) return `never (exp is ${shown(seconds)})`;
  const leftMs = seconds * 1_000 - Date.now();
  const distance = formatDuration(Math.abs(leftMs));
  return `${new Date(seconds * 1_000).toISOString()}, ${leftMs > 0 ? `in ${distance}` : `${distance} ago: expired`}`;
}
