import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const source = fileURLToPath(new URL("../../src/", import.meta.url));

/** Returns the files and packages that a file loads, directly or by others. Imports of types load nothing. */
function loads(entry: string): Set<string> {
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    const text = readFileSync(file, "utf8");
    for (const [, clause = "", from = ""] of text.matchAll(/^(?:import|export)\s+([^;]*?\s+from\s+)?"([^"]+)";/gm)) {
      if (clause.startsWith("type ")) continue;
      if (from.startsWith(".")) visit(normalize(join(dirname(file), from.replace(/\.js$/, ".ts"))));
      else found.add(from);
    }
  };
  visit(join(source, entry));
  return found;
}

describe("OpenTelemetry that is not used", () => {
  it("is loaded by its own entry alone", () => {
    const entries = readdirSync(source).filter((folder) => !/\./.test(folder));
    const tells = (entry: string): boolean =>
      [...loads(entry)].some(
        (each) => /opentelemetry/.test(each.slice(source.length - 1)) || each.startsWith("@opentelemetry"),
      );
    expect(tells("index.ts")).toBe(false);
    for (const entry of ["details", "health", "interceptors", "reflection", "testing"]) {
      expect(entries).toContain(entry);
      expect(tells(`${entry}/index.ts`)).toBe(false);
    }
    expect(tells("opentelemetry/index.ts")).toBe(true);
  });
});
