/**
 * Compressed streams against Python's modules (gzip, zlib, bz2, lzma, zstandard, brotli), in both directions. A format
 * that this Node has no engine for runs on a newer Node, installed by npm.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";
import { JudgeMissing, judge } from "./lib/outcome.mjs";
import { pythonWith } from "./lib/python.mjs";
import { caseCount } from "./streams/cases.mjs";

const worker = fileURLToPath(new URL("streams/worker.mjs", import.meta.url));
const nodeFolder = fileURLToPath(new URL("../.cache/node-22", import.meta.url));
const formats = ["gzip", "deflate", "brotli", "xz", "bzip2"];

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const python = pythonWith("streams", ["zstandard==0.25.0", "brotli==1.2.0"]);
  const results = [...casesOf(process.execPath, python, formats), ...casesOf(nodeWithZstd(), python, ["zstd"])];
  return judge(results, { expected: caseCount([...formats, "zstd"]) });
}

/** @returns {import("./lib/outcome.mjs").CaseResult[]} */
function casesOf(node, python, names) {
  const { status, stdout, error } = spawnSync(node, [worker, python, ...names], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 300_000,
    maxBuffer: 64 * 1024 * 1024,
    encoding: "utf8",
  });
  if (status !== 0)
    throw new Error(
      `the cases of ${names.join(", ")} did not run to their end: ${error?.message ?? `exit code ${status}`}`,
    );
  return JSON.parse(stdout);
}

function nodeWithZstd() {
  if ("createZstdCompress" in zlib) return process.execPath;
  const node = `${nodeFolder}/node_modules/node/bin/node`;
  if (!existsSync(node)) {
    console.error("installing node@22 for zstd");
    spawnSync("npm", ["install", "--no-audit", "--no-fund", "--no-save", "--prefix", nodeFolder, "node@22"], {
      stdio: ["ignore", "inherit", "inherit"],
      timeout: 300_000,
    });
  }
  if (!existsSync(node)) throw new JudgeMissing("node@22, which has zstd, could not be installed by npm");
  return node;
}
