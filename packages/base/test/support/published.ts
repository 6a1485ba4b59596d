/**
 * The packages as npm publishes them, for tests that start programs: a process that loads bundled modules is there in a
 * third of the time. They lie in a folder below `node_modules`, from which all other dependencies are found, with a
 * copy of the examples, and stay there until something that they are made of changes.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../../..", import.meta.url));
const folders = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name));
const cache = join(root, "node_modules/.cache/trunkline-published");
/** The time for which a folder stays that is no longer of use: another run of the tests may still use it. */
const keptMs = 3_600_000;

let published: Promise<string> | undefined;

/**
 * Builds (but not where TRUNKLINE_BUILT says that this has just been done) and bundles the packages where they have
 * changed, and returns the folder that has them in its `node_modules`, and the examples.
 */
export function publishedPackages(): Promise<string> {
  published ??= publish();
  return published;
}

/** Returns the path of the command's program among the published packages. */
export async function publishedCommand(): Promise<string> {
  return join(await publishedPackages(), "node_modules/trunkline/dist/main.js");
}

async function publish(): Promise<string> {
  if (process.env["TRUNKLINE_BUILT"] === undefined) build();
  const folder = join(cache, fingerprint());
  if (existsSync(folder)) return folder;
  const made = `${folder}.${process.pid}`;
  const bundler = pathToFileURL(join(root, "scripts/bundle.mjs")).href;
  const { publishTo } = (await import(/* @vite-ignore */ bundler)) as {
    publishTo(from: string, to: string): Promise<void>;
  };
  for (const from of folders) {
    const { name } = JSON.parse(readFileSync(join(from, "package.json"), "utf8")) as { readonly name: string };
    const to = join(made, "node_modules", name);
    await publishTo(from, to);
    const own = join(from, "node_modules");
    if (existsSync(own)) symlinkSync(own, join(to, "node_modules"));
  }
  // The examples read the certificates of the tests.
  for (const path of ["examples", "packages/h2/test/fixtures/tls"])
    cpSync(join(root, path), join(made, path), { recursive: true });
  try {
    renameSync(made, folder);
  } catch {
    rmSync(made, { recursive: true }); // another worker was quicker
  }
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (path !== folder && statSync(path).mtimeMs < Date.now() - keptMs) rmSync(path, { recursive: true, force: true });
  }
  return folder;
}

function build(): void {
  const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  for (const args of [[join(typescript, "bin/tsc"), "-b", root], [join(root, "scripts/build-page.mjs")]])
    execFileSync(process.execPath, args, { stdio: "inherit" });
}

/** Returns what tells one state of everything that is published from another. */
function fingerprint(): string {
  const hash = createHash("sha256");
  const inputs = [
    "examples",
    "packages/h2/test/fixtures/tls",
    "scripts/bundle.mjs",
    "scripts/bundle",
    "package-lock.json",
  ];
  for (const folder of folders) inputs.push(join(folder, "dist"), join(folder, "package.json"));
  for (const input of inputs) {
    const path = input.startsWith(root) ? input : join(root, input);
    const files = statSync(path).isDirectory() ? readdirSync(path, { recursive: true, encoding: "utf8" }) : [""];
    for (const file of files.sort()) {
      const { mtimeMs, size } = statSync(join(path, file));
      hash.update(`${path} ${file} ${mtimeMs} ${size}\n`);
    }
  }
  return hash.digest("hex").slice(0, 16);
}
