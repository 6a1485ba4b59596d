/** Programs in Go, others' by `go install` and our own by `go build`, in the cache folder that git ignores. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { JudgeMissing } from "./outcome.mjs";

const cache = fileURLToPath(new URL("../../.cache/go/", import.meta.url));

/**
 * The path of the program that `goPackage` at `version` builds.
 * @param {string} goPackage
 * @param {string} version
 * @returns {string}
 * @throws {JudgeMissing} without Go
 * @throws {Error} when the installation fails
 */
export function installedByGo(goPackage, version) {
  const name = goPackage.split("/").at(-1);
  const folder = `${cache}${name}@${version}`;
  const program = `${folder}/${name}`;
  if (existsSync(program)) return program;
  needGo(name);
  console.error(`installing ${goPackage}@${version}`);
  const { status } = spawnSync("go", ["install", `${goPackage}@${version}`], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, GOBIN: folder },
  });
  if (status !== 0) throw new Error(`go install ${goPackage}@${version} failed`);
  return program;
}

/**
 * The path of the program that the folder of a module of ours builds. Go itself knows what has changed.
 * @param {string} module the folder of its `go.mod`
 * @param {string} name the folder of the program in it
 * @returns {string}
 * @throws {JudgeMissing} without Go
 * @throws {Error} when it does not build
 */
export function builtByGo(module, name) {
  needGo(name);
  const program = `${cache}${name}`;
  const { status } = spawnSync("go", ["build", "-o", program, `./${name}`], {
    cwd: module,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error(`go build ./${name} failed`);
  return program;
}

function needGo(name) {
  if (spawnSync("go", ["version"]).status !== 0)
    throw new JudgeMissing(`${name} is built by Go, and there is no Go here`);
}

/**
 * The folder of a module's source in Go's module cache.
 * @param {string} module
 * @param {string} version
 * @returns {string}
 * @throws {JudgeMissing} without Go
 * @throws {Error} when it cannot be had
 */
export function goModuleFolder(module, version) {
  needGo(module);
  const { status, stdout } = spawnSync("go", ["mod", "download", "-json", `${module}@${version}`], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`go mod download ${module}@${version} failed: ${stdout}`);
  return JSON.parse(stdout).Dir;
}
