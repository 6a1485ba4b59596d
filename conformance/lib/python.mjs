/** Python with packages of PyPI, in a virtual environment in the cache folder that git ignores. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { JudgeMissing } from "./outcome.mjs";

const cache = fileURLToPath(new URL("../../.cache/python/", import.meta.url));
const installTimeoutMs = 300_000;

/**
 * The path of a Python that has these packages, and nothing else.
 * @param {string} name of the environment
 * @param {readonly string[]} requirements such as `hpack==4.1.0`: with versions, since an environment is made once
 * @returns {string}
 * @throws {JudgeMissing} without Python or its venv
 * @throws {Error} when the installation fails
 */
export function pythonWith(name, requirements) {
  const folder = `${cache}${name}-${requirements.join("-").replaceAll(/[^\w.-]/g, "")}`;
  const python = `${folder}/bin/python`;
  const ready = `${folder}/bin/ready`; // a half-made environment is made again
  if (existsSync(ready)) return python;
  rmSync(folder, { recursive: true, force: true });
  const run = (program, args) =>
    spawnSync(program, args, { stdio: ["ignore", "ignore", "inherit"], timeout: installTimeoutMs }).status;
  if (run("python3", ["-m", "venv", folder]) !== 0) {
    throw new JudgeMissing(
      `${requirements.join(", ")} runs in Python 3 with venv, which is not here: apt-get install python3-venv`,
    );
  }
  console.error(`installing ${requirements.join(", ")}`);
  if (run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...requirements]) !== 0) {
    throw new Error(`pip install ${requirements.join(" ")} failed`);
  }
  run("touch", [ready]);
  return python;
}
