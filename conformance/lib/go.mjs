/** Programs that are installed by `go install`, once, into the cache folder that git ignores. */
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
  if (spawnSync("go", ["version"]).status !== 0) throw new JudgeMissing(`${name} is installed by "go install", and there is no Go here`);
  console.error(`installing ${goPackage}@${version}`);
  const { status } = spawnSync("go", ["install", `${goPackage}@${version}`], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, GOBIN: folder },
  });
  if (status !== 0) throw new Error(`go install ${goPackage}@${version} failed`);
  return program;
}
