import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const src = fileURLToPath(new URL("../../src/", import.meta.url));

it("is the only file that takes values from Node: another platform needs one file with the same exports", () => {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const takers = files.filter((name) => {
    const text = readFileSync(join(src, name), "utf8");
    const imports = text.matchAll(
      /^(?:import|export) (?!type )([^;]*?)from "(node:[^"]+|@trunkline\/[a-z0-9]+\/node)";/gm,
    );
    return Array.from(imports).length > 0;
  });
  expect(takers.filter((name) => !name.startsWith("platform/")).sort()).toEqual([]);
});
