/** Types for the protos of a judge, generated when it runs, in the cache folder that git ignores. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Generates protobuf-es code; what is there already is kept.
 * @param {string} protos the folder that the imports of the protos begin in
 * @param {string} name of the folder in the cache: with a version, if the protos have one
 * @param {{ fresh?: boolean }} [options] `fresh`: generate in any case, for protos of our own
 * @returns {string} the URL of the folder of the generated modules, which other programs are given to import from
 * @throws {Error} when the protos do not compile
 */
export function generatedTypes(protos, name, { fresh = false } = {}) {
  const out = `${root}.cache/protos/${name}`;
  const ready = `${out}/ready`;
  const url = `${pathToFileURL(out).href}/`;
  if (!fresh && existsSync(ready)) return url;
  rmSync(out, { recursive: true, force: true });
  const plugin = { local: `${root}node_modules/.bin/protoc-gen-es`, out, opt: ["target=js", "import_extension=js"] };
  const template = JSON.stringify({ version: "v2", plugins: [plugin] });
  const { status, stderr } = spawnSync(`${root}node_modules/.bin/buf`, ["generate", protos, "--template", template], {
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`buf generate ${protos} failed: ${stderr}`);
  spawnSync("touch", [ready]);
  return url;
}
