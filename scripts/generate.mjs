/**
 * Writes protobuf-es code from .proto files; with `--check`, only says whether what is committed is fresh.
 * buf and protoc-gen-es come from npm.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * The folders of protos with what is generated from them: from the files that are named in `only`, or from all. The
 * sources of packages get TypeScript, everything else gets JavaScript.
 */
const jobs = [
  {
    protos: "proto",
    only: [
      "google/rpc/error_details.proto",
      "google/rpc/status.proto",
      "grpc/health/v1/health.proto",
      "grpc/reflection/v1/reflection.proto",
      "grpc/reflection/v1alpha/reflection.proto",
    ],
    out: "packages/grpc/src/gen",
    target: "ts",
  },
  {
    protos: "proto",
    only: [
      "jumpstarter/v1/router.proto",
      "trunkline/v1/admin.proto",
      "trunkline/v1/exchange.proto",
      "trunkline/v1/frames.proto",
    ],
    out: "packages/router/src/gen",
    target: "ts",
  },
  { protos: "proto", only: ["jumpstarter/v1/router.proto"], out: "packages/router/test/gen", target: "js+dts" },
  { protos: "packages/grpc/test/proto", only: [], out: "packages/grpc/test/gen", target: "ts" },
  { protos: "examples/proto", only: [], out: "examples/gen", target: "js+dts" },
  { protos: "bench/proto", only: [], out: "bench/gen", target: "js" },
  { protos: "conformance/peers/proto", only: [], out: "conformance/peers/gen", target: "js" },
];

const check = process.argv.includes("--check");
let stale = 0;
for (const job of jobs) {
  const protos = join(root, job.protos);
  if (!existsSync(protos)) continue;
  const fresh = mkdtempSync(join(tmpdir(), "trunkline-gen-"));
  try {
    generate(protos, job, fresh);
    const out = join(root, job.out);
    if (check) stale += compare(fresh, out);
    else {
      rmSync(out, { recursive: true, force: true });
      cpSync(fresh, out, { recursive: true });
      console.log(`${job.out}: ${files(fresh).length} files`);
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
if (stale > 0) {
  console.error(`${stale} generated files are stale: run "npm run generate"`);
  process.exit(1);
}

function generate(protos, { only, target }, out) {
  const plugin = {
    local: join(root, "node_modules/.bin/protoc-gen-es"),
    out,
    opt: [`target=${target}`, "import_extension=js"],
  };
  const template = JSON.stringify({ version: "v2", plugins: [plugin] });
  const paths = only.flatMap((path) => ["--path", join(protos, path)]);
  execFileSync(join(root, "node_modules/.bin/buf"), ["generate", protos, "--template", template, ...paths], {
    cwd: root,
    stdio: "inherit",
  });
  if (target === "ts") for (const name of files(out)) rewrite(join(out, name), eraseEnums);
}

function rewrite(path, change) {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

/** Makes an object and a type of each enum: an enum is no erasable syntax, which all TypeScript here is. */
function eraseEnums(text) {
  return text.replaceAll(/export enum (\w+) \{\n([^}]*)\}/g, (_, name, values) => {
    const fields = values.replaceAll(/^( +\w+) = (-?\d+),$/gm, "$1: $2,");
    const type = `export type ${name} = (typeof ${name})[keyof typeof ${name}];`;
    return `export const ${name} = {\n${fields}} as const;\n\n${type}`;
  });
}

function compare(fresh, committed) {
  const names = new Set([...files(fresh), ...(existsSync(committed) ? files(committed) : [])]);
  let differences = 0;
  for (const name of names) {
    const [a, b] = [fresh, committed].map((folder) =>
      existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : undefined,
    );
    if (a === b) continue;
    console.error(`stale: ${relative(root, join(committed, name))}`);
    differences += 1;
  }
  return differences;
}

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
