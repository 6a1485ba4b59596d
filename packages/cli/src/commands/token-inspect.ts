/** `trunkline token inspect [FILE]`: the content of a token, without a check of its signature. */
import { CommandError } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { formatDuration, printable } from "../format.js";
import { readSecretFile } from "../secret-file.js";
import { type TokenPart, tokenContent, tokenExpiryMs } from "../token-content.js";

/** Prints what a token says. The token comes from a file or from TRUNKLINE_TOKEN. @throws CommandError */
export async function inspectToken(file: string | undefined, context: Context): Promise<void> {
  const { output, env } = context;
  const given = env["TRUNKLINE_TOKEN"]?.trim();
  if (file === undefined && (given === undefined || given === ""))
    throw new CommandError("there is no token: name its file, or set TRUNKLINE_TOKEN", ExitCode.usage);
  const token = file === undefined ? (given as string) : await readSecretFile(file, "the token file");
  const where = file === undefined ? "TRUNKLINE_TOKEN" : `the token file ${file}`;
  const content = tokenContent(token);
  if (content === undefined)
    throw new CommandError(`${where} holds no JWT: that has three parts with dots between them`, ExitCode.unreadable);
  const { header, claims } = content;
  output.result({ event: "token-content", header, claims }, linesOf(token, header, claims));
}

function linesOf(token: string, header: TokenPart, claims: TokenPart): string {
  const rows: [string, string][] = [
    ["identity", shown(claims["sub"])],
    ["audience", shown(claims["aud"])],
    ["issuer", shown(claims["iss"])],
    ["algorithm", `${shown(header["alg"])}${header["kid"] === undefined ? "" : `, key ${shown(header["kid"])}`}`],
    ...(claims["admin"] === undefined ? [] : [["admin", shown(claims["admin"])] as [string, string]]),
    ["expires", expiry(token, claims["exp"])],
  ];
  return rows.map(([name, value]) => `${name.padEnd(9)}  ${value}`).join("\n");
}

function shown(value: unknown): string {
  return value === undefined ? "none" : typeof value === "string" ? printable(value) : JSON.stringify(value);
}

function expiry(token: string, exp: unknown): string {
  const expiryMs = tokenExpiryMs(token);
  if (expiryMs === undefined) return `never (exp is ${shown(exp)})`;
  const leftMs = expiryMs - Date.now();
  const distance = formatDuration(Math.abs(leftMs));
  return `${new Date(expiryMs).toISOString()}, ${leftMs > 0 ? `in ${distance}` : `${distance} ago: expired`}`;
}
