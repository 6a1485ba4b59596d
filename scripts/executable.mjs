/**
 * Builds the command as a single executable, which runs where no Node is installed: `node scripts/executable.mjs
 * [FILE]`, by default `.cache/executable/trunkline`. The Node inside is npm's package `node`, since `--build-sea` is
 * younger than the Node that the packages support. Tries the file before it ends. The licenses of others' code in it
 * are written beside it.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleProgram } from "./bundle.mjs";

/** The Node that is built in. */
const node = "26.10.0";

const root = fileURLToPath(new URL("..", import.meta.url));
const cache = join(root, ".cache/executable");
const target = resolve(process.argv[2] ?? join(cache, "trunkline"));

const started = performance.now();
const program = installedNode();
execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: "inherit" });
const files = await bundleProgram(join(root, "packages/cli"), { isOneFile: true });
const main = files.find(({ fileName }) => fileName === "main.js");
const licenses = files.find(({ fileName }) => fileName === "LICENSES.txt");
if (main?.type !== "chunk" || licenses?.type !== "asset") throw new Error("the bundle has no main.js or LICENSES.txt");
const [source, config, made] = ["main.mjs", "sea-config.json", "made"].map((name) => join(cache, name));
writeFileSync(source, main.code);
const settings = { main: source, mainFormat: "module", output: made, disableExperimentalSEAWarning: true };
writeFileSync(config, JSON.stringify(settings));
execFileSync(program, ["--build-sea", config], { stdio: ["ignore", "ignore", "inherit"] });
chmodSync(made, 0o755);
mkdirSync(dirname(target), { recursive: true });
renameSync(made, target);
writeFileSync(`${target}.LICENSES.txt`, licenses.source);
tryIt();
console.log(`${target} built and tried in ${((performance.now() - started) / 1000).toFixed(0)} s`);

/** @returns {string} the path of the Node that is built in */
function installedNode() {
  const folder = join(cache, `node-${node}`);
  const installed = join(folder, "node_modules/node/bin/node");
  if (!existsSync(installed)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const options = ["--no-save", "--no-audit", "--no-fund", "--silent", "--foreground-scripts"];
    execFileSync("npm", ["install", "--prefix", folder, ...options, `node@${node}`], { stdio: "inherit" });
  }
  return installed;
}

/** Runs the file where there is no other Node. @throws {Error} where it does not do its main job */
function tryIt() {
  const alone = { env: { HOME: cache, PATH: "/nonexistent" }, encoding: /** @type {const} */ ("utf8") };
  const version = execFileSync(target, ["--version"], alone);
  if (!/^\d+\.\d+\.\d+\n$/.test(version)) throw new Error(`--version printed ${version}`);
  execFileSync(target, ["demo", "--once"], { ...alone, timeout: 60_000, stdio: ["ignore", "ignore", "inherit"] });
}
