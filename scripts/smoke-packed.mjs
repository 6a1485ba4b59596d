/**
 * Packs every package from a clone that was never built, installs the tarballs into an empty project as a user would,
 * and uses them there: what is missing from `files`, `exports`, `dependencies` or the build shows here and nowhere
 * else. Every entry is imported, and compiled against with the oldest TypeScript that is supported and with the
 * project's own.
 */
import assert from "node:assert";
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The oldest TypeScript whose users can compile against the packages without `skipLibCheck`. */
const oldestTypeScript = "5.7";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "trunkline-packed-"));
const clone = join(folder, "clone");
const user = join(folder, "user");

/** @param {string} command @param {string[]} args @param {string} cwd @returns {string} what it prints */
function run(command, args, cwd) {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** Copies the files that git knows, as they are now, and borrows the installed dependencies. */
function cloneUnbuilt() {
  for (const file of run("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], root).split("\0")) {
    if (file !== "" && existsSync(join(root, file))) cpSync(join(root, file), join(clone, file));
  }
  // Each dependency is linked by itself, so that `node_modules/@trunkline` leads to the packages of the clone.
  mkdirSync(join(clone, "node_modules/@trunkline"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@trunkline" && name !== "trunkline")
      symlinkSync(join(root, "node_modules", name), join(clone, "node_modules", name));
  }
  for (const name of packageFolders()) {
    const { name: full } = manifest(join(clone, "packages", name));
    symlinkSync(join(clone, "packages", name), join(clone, "node_modules", full));
  }
}

/** @returns {string[]} */
function packageFolders() {
  return readdirSync(join(root, "packages")).filter((name) => existsSync(join(root, "packages", name, "package.json")));
}

/** @param {string} packageFolder */
function manifest(packageFolder) {
  return JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
}

/** @returns {string[]} every specifier that a user may import, such as `@trunkline/streams/node` */
function entries() {
  return packageFolders().flatMap((name) => {
    const { name: full, exports } = manifest(join(root, "packages", name));
    return Object.keys(exports)
      .filter((path) => path !== "./package.json")
      .map((path) => full + path.slice(1));
  });
}

const program = `
import assert from "node:assert";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
${entries()
  .map((entry, index) => `import * as entry${index} from ${JSON.stringify(entry)};`)
  .join("\n")}
const entries = { ${entries()
  .map((entry, index) => `${JSON.stringify(entry)}: entry${index}`)
  .join(", ")} };
for (const [name, entry] of Object.entries(entries)) assert.ok(Object.keys(entry).length > 0, name);
const [left, right] = entries["@trunkline/streams"].memoryPair();
await left.send("whole");
assert.equal(await right.receive(), "whole");
// Each package is a few files, whatever its sources are.
const modules = readdirSync("node_modules/@trunkline", { recursive: true }).filter((name) => name.endsWith(".js"));
assert.ok(modules.length < 100, modules.join());
assert.throws(() => createRequire(import.meta.url).resolve("@trunkline/h2/dist/connection/connection.js"), /exports/);
`;

const typed = `
import { Channel } from "@trunkline/grpc";
import { Metadata } from "@trunkline/metadata";
import { memoryPair } from "@trunkline/streams";
${entries()
  .map((entry, index) => `import * as entry${index} from ${JSON.stringify(entry)};`)
  .join("\n")}
export const entries: unknown[] = [${entries()
  .map((_, index) => `entry${index}`)
  .join(", ")}];

export async function use(channel: Channel): Promise<void> {
  const metadata = new Metadata({ text: "1", "some-bin": new Uint8Array([1]) });
  const bytes: Uint8Array | undefined = metadata.get("some-bin");
  await using stream = memoryPair<Uint8Array>()[0];
  if (bytes !== undefined) await stream.send(bytes, { metadata });
  for await (const item of stream) console.log(item.length);
  await channel.close();
}
`;

try {
  cloneUnbuilt();
  run("npm", ["pack", "--workspaces", "--pack-destination", folder, "--silent"], clone);
  const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  mkdirSync(user);
  writeFileSync(join(user, "package.json"), JSON.stringify({ name: "smoke", private: true, type: "module" }));
  // The peers that users of a single entry install by themselves.
  const peers = [`@opentelemetry/api@${manifest(join(root, "packages/grpc")).peerDependencies["@opentelemetry/api"]}`];
  const typesOfNode = `@types/node@${manifest(root).devDependencies["@types/node"]}`;
  const install = ["install", "--no-audit", "--no-fund", "--silent", `typescript@~${oldestTypeScript}.0`, typesOfNode];
  run("npm", [...install, ...peers, ...tarballs.map((name) => `../${name}`)], user);
  writeFileSync(join(user, "smoke.mjs"), program);
  run(process.execPath, ["smoke.mjs"], user);
  writeFileSync(join(user, "smoke.ts"), typed);
  const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"];
  for (const compiler of [join(user, "node_modules/.bin/tsc"), join(root, "node_modules/.bin/tsc")]) {
    run(compiler, [...options, "--skipLibCheck", "false", "smoke.ts"], user);
  }
  // The command needs no other package.
  const alone = join(folder, "alone");
  const command = tarballs.find((name) => name.startsWith("trunkline-0")) ?? "";
  run("npm", ["install", "--prefix", alone, "--no-audit", "--no-fund", "--silent", join(folder, command)], folder);
  assert.deepEqual(
    readdirSync(join(alone, "node_modules")).filter((name) => !name.startsWith(".")),
    ["trunkline"],
  );
  const version = run(join(alone, "node_modules/.bin/trunkline"), ["--version"], alone).trim();
  console.log(`${tarballs.length} packages with ${entries().length} entries installed and used; trunkline ${version}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
