/** bench/RESULTS.md: the last table, how it came about, and on what; nothing that names the machine. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { subjects } from "../subjects/catalog.mjs";

const file = new URL("../RESULTS.md", import.meta.url);
/** The part that `npm run bench:streams` writes. */
const streamsHead = "## Streams";
const notesFile = new URL("../NOTES.md", import.meta.url);

/**
 * @param {string} tables
 * @param {{ line: string, rounds: number, warmUpMs: number, windowMs: number, goVersion: string | undefined, missing:
 * readonly string[] }} how
 */
export function writeResults(tables, { line, rounds, warmUpMs, windowMs, goVersion, missing }) {
  writeFileSync(
    file,
    `# Results

Written by \`${line}\` on ${new Date().toISOString().slice(0, 10)}. How it is measured: README.md beside this file.

${rounds === 1 ? "One round" : `${rounds} alternating rounds (A B C, A B C …)`}, ${warmUpMs} ms of warm-up and a window
of ${windowMs} ms each; medians, MB = 10^6 bytes. "to" is the median of the ratios within each round: above 1, ours is
faster (for memory: takes more). Only ratios mean something on another machine.

${tables}
${streamsPart()}${readFileSync(notesFile, "utf8").trimEnd()}

## On what

${facts(goVersion)
  .map((fact) => `- ${fact}`)
  .join("\n")}
${missing.map((text) => `- Left out: ${text}\n`).join("")}`,
  );
}

/** Returns the table of the streams as the file has it, up to the next heading, or "" where the file has none. */
function streamsPart() {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const start = text.indexOf(streamsHead);
  return start === -1 ? "" : text.slice(start, text.indexOf("\n## ", start) + 1);
}

/**
 * Puts the table of the streams into the file, where the last one was, or before the notes.
 * @param {string} table
 * @param {number} rounds
 */
export function writeStreams(table, rounds) {
  const text = readFileSync(file, "utf8");
  const day = new Date().toISOString().slice(0, 10);
  const origin = `Written by \`npm run bench:streams -- --write\` on ${day}, ${rounds} alternating rounds.`;
  const part = `${streamsHead}\n\n${origin}\n\n${table}\n\n`;
  const old = streamsPart();
  const notes = readFileSync(notesFile, "utf8").split("\n", 1)[0] ?? "";
  writeFileSync(file, old === "" ? text.replace(notes, () => part + notes) : text.replace(old, () => part));
}

/** @param {string | undefined} goVersion */
function facts(goVersion) {
  const peers = [
    version("@grpc/grpc-js"),
    version("@grpc/proto-loader"),
    version("@connectrpc/connect-node"),
    version("@bufbuild/protobuf"),
  ];
  if (goVersion !== undefined) peers.push(`grpc-go ${grpcGoVersion()} (${goVersion})`);
  const legend = subjects.map(({ name, what }) => `${name}: ${what}`).join("; ");
  return [
    `${availableParallelism()} cores, ${process.platform} ${process.arch}, Node ${process.versions.node}`,
    peers.join(", "),
    legend,
  ];
}

/**
 * Returns the name and the installed version of a package. The search begins at grpc-js, which brings proto-loader.
 * @param {string} name
 */
function version(name) {
  let folder = new URL("./", import.meta.resolve("@grpc/grpc-js"));
  for (;;) {
    try {
      const manifest = readFileSync(new URL(`node_modules/${name}/package.json`, folder), "utf8");
      return `${name} ${JSON.parse(manifest).version}`;
    } catch {
      const parent = new URL("../", folder);
      if (parent.href === folder.href) return `${name} of unknown version`;
      folder = parent;
    }
  }
}

function grpcGoVersion() {
  const goMod = readFileSync(new URL("../go/go.mod", import.meta.url), "utf8");
  return /google\.golang\.org\/grpc v(\S+)/.exec(goMod)?.[1] ?? "of unknown version";
}
