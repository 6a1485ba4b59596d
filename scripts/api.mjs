/**
 * `npm run api`: writes the report of each package's public surface to `api/`, one file for each entry, from the
 * declarations that `tsc -b` has emitted. With `--check`, it compares them with what is committed and ends with 1 if
 * they differ or if a public type names a declaration that no entry of its package exports. Names of packages' folders
 * choose some of them.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";

const root = fileURLToPath(new URL("..", import.meta.url));
const reports = join(root, "api");
const { values, positionals } = parseArgs({ options: { check: { type: "boolean" } }, allowPositionals: true });

const scratch = mkdtempSync(join(tmpdir(), "trunkline-api-"));
const findings = [];
try {
  const names = new Set();
  const exported = new Set();
  const unexported = [];
  for (const entry of entries()) {
    names.add(entry.report);
    const { text, missing } = report(entry);
    for (const [, name] of text.matchAll(
      /^export (?:[a-z]+ )*(?:class|const|function|interface|namespace|type|let) (\w+)/gm,
    ))
      exported.add(`${entry.folder} ${name}`);
    unexported.push(...missing.map((name) => ({ ...entry, name })));
  }
  for (const { folder, report: file, name } of unexported)
    if (!exported.has(`${folder} ${name}`))
      findings.push(`${file}: a public type names ${name}, which no entry exports`);
  const stale = readdirSync(reports).filter((name) => name.endsWith(".api.md") && !names.has(name));
  if (positionals.length === 0) {
    for (const name of stale) {
      if (values.check) findings.push(`api/${name}: no entry has this report`);
      else rmSync(join(reports, name));
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const finding of findings) console.error(finding);
if (findings.length > 0 && values.check) console.error('Run "npm run api" and commit what it writes.');
process.exitCode = findings.length > 0 ? 1 : 0;

/**
 * Returns the entries of the packages' `exports`, each with the declarations that it leads to.
 * @returns {{ folder: string, types: string, report: string }[]}
 */
function entries() {
  return readdirSync(join(root, "packages"))
    .filter((name) => positionals.length === 0 || positionals.includes(name))
    .flatMap((name) => {
      const folder = join(root, "packages", name);
      const { exports = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      return Object.entries(exports)
        .filter(([, target]) => typeof target === "object" && target.types !== undefined)
        .map(([path, { types }]) => ({
          folder,
          types: join(folder, types),
          report: `${[name, ...path.split("/").slice(1)].join(".")}.api.md`,
        }));
    });
}

/**
 * Writes or compares the report of one entry.
 * @param {{ folder: string, types: string, report: string }} entry
 * @returns {{ text: string, missing: string[] }} the report, and the names that the entry uses and does not export
 */
function report({ folder, types, report: name }) {
  const configuration = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, "package.json"),
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: types,
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "ES2023",
            lib: ["ES2023", "ESNext.Disposable", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
            module: "NodeNext",
            moduleResolution: "NodeNext",
            skipLibCheck: true,
            strict: true,
            types: ["node"],
          },
          files: [types],
        },
      },
      apiReport: {
        enabled: true,
        includeForgottenExports: false,
        reportFileName: name,
        reportFolder: reports,
        reportTempFolder: scratch,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: "lf",
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.None },
          "ae-forgotten-export": { logLevel: ExtractorLogLevel.Warning },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  const missing = [];
  Extractor.invoke(configuration, {
    localBuild: false,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Error) findings.push(`${name}: ${message.text}`);
      if (message.messageId === "ae-forgotten-export")
        missing.push(/"([^"]+)"/.exec(message.text)?.[1] ?? message.text);
    },
  });
  const fresh = readFileSync(join(scratch, name), "utf8");
  const target = join(reports, name);
  if (!values.check) writeFileSync(target, fresh);
  else if (read(target) !== fresh) findings.push(`api/${name} is not what the declarations say`);
  return { text: fresh, missing };
}

/** @param {string} path @returns {string | undefined} the text of a file, if there is one */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
