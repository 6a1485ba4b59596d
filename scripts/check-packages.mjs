/**
 * Packs every package as it would be published and judges it: publint and attw find nothing, the relative links of its
 * pages lead to files that are packed, too, and the links to the project's repository to files that are in it. The
 * packages must have been built.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "trunkline-packages-"));
const folders = new Map(
  readdirSync(join(root, "packages"))
    .map((each) => join(root, "packages", each))
    .map((each) => [JSON.parse(readFileSync(join(each, "package.json"), "utf8")).name, each]),
);
const findings = [];
let count = 0;
try {
  const args = ["pack", "--workspaces", "--ignore-scripts", "--json", "--pack-destination", folder];
  const packed = JSON.parse(
    execFileSync("npm", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }),
  );
  for (const { name, filename, files } of packed) {
    const tarball = join(folder, filename.replace("@", "").replace("/", "-"));
    judge(name, "publint", [tarball, "--strict"]);
    judge(name, "attw", [tarball, "--profile", "esm-only", "--quiet"]);
    findings.push(...brokenLinks(name, new Set(files.map(({ path }) => path))));
    count += 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const finding of findings) console.error(finding);
console.error(`${count} packages: ${findings.length === 0 ? "no" : findings.length} findings`);
process.exitCode = findings.length > 0 ? 1 : 0;

/**
 * Runs a tool and notes what it prints if it ends with anything but 0.
 * @param {string} name
 * @param {string} tool
 * @param {string[]} args
 */
function judge(name, tool, args) {
  const { status, stdout, stderr } = spawnSync(join(root, "node_modules/.bin", tool), args, { encoding: "utf8" });
  if (status !== 0) findings.push(`${name}: ${tool} ended with ${status}\n${stdout}${stderr}`);
}

/**
 * Returns the links of a package's pages that lead to no packed file, or to no file of the project's repository.
 * @param {string} name
 * @param {Set<string>} files
 * @returns {string[]}
 */
function brokenLinks(name, files) {
  return [...files]
    .filter((path) => path.endsWith(".md"))
    .flatMap((page) => {
      const text = readFileSync(join(folders.get(name) ?? "", page), "utf8").replace(/```[\s\S]*?```/g, "");
      return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, link]) => link.replace(/#.*$/, ""))
        .filter((link) => link !== "")
        .flatMap((link) => {
          const own = /^https:\/\/github\.com\/trunkline\/trunkline\/(?:blob|tree)\/main\/(.+)$/.exec(link)?.[1];
          if (own !== undefined)
            return existsSync(join(root, own)) ? [] : [`${name}: ${page} links to ${own}, which does not exist`];
          if (/^[a-z]+:/.test(link)) return [];
          const target = posix.normalize(posix.join(posix.dirname(page), link));
          return leadsTo(files, target) ? [] : [`${name}: ${page} links to ${link}, which is not packed`];
        });
    });
}

/** @param {Set<string>} files @param {string} target a file or a folder @returns {boolean} */
function leadsTo(files, target) {
  const folder = `${target.replace(/\/$/, "")}/`;
  return files.has(target) || [...files].some((file) => file.startsWith(folder));
}
