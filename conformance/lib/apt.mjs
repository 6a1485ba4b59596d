/**
 * Programs that come as packages of Debian or Ubuntu. They are installed where that is allowed, and asked for where it
 * is not.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { JudgeMissing } from "./outcome.mjs";

const installTimeoutMs = 300_000;

/**
 * The path of `program`; without it, `aptPackage` is installed first.
 * @param {string} program
 * @param {string} aptPackage
 * @returns {string}
 * @throws {JudgeMissing} when it is not there and cannot be installed here
 */
export function installedByApt(program, aptPackage) {
  const found = find(program);
  if (found !== undefined) return found;
  const missing = (why) => new JudgeMissing(`${program} is not installed, and ${why}: apt-get install ${aptPackage}`);
  if (find("apt-get") === undefined) throw missing("there is no apt-get here");
  if (process.getuid?.() !== 0) throw missing("only root may install it");
  console.error(`installing ${aptPackage}`);
  aptGet("update");
  const status = aptGet("install", "--yes", "--no-install-recommends", aptPackage);
  const installed = find(program);
  if (installed === undefined) throw missing(`apt-get ended with ${status}`);
  return installed;
}

function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", ["-qq", ...args], {
    stdio: ["ignore", "ignore", "inherit"],
    env,
    timeout: installTimeoutMs,
  }).status;
}

/** Servers are often in a folder that is not searched for every user. */
function find(program) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, program)).find(existsSync);
}
