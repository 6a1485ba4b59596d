import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { circles, importedPaths, importGraph } from "./graph.mjs";

const fixture = (name) => importGraph(fileURLToPath(new URL(`fixture/${name}`, import.meta.url)));

describe("circles of imports", () => {
  it("are none where all arrows run downwards", () => {
    expect(fixture("sound").get("parts/a.ts")).toEqual(["parts/b.ts", "shapes/shape.ts"]);
    expect(circles(fixture("sound"))).toEqual([]);
  });

  it("are found between files, imports of types included, and between folders whose files make none", () => {
    expect(circles(fixture("circular"))).toEqual([
      { kind: "files", path: ["chain.ts", "link.ts", "chain.ts"], because: [] },
      {
        kind: "folders",
        path: ["call", "wire", "call"],
        because: ["call/call.ts imports wire/headers.ts", "wire/headers.ts imports call/options.ts"],
      },
    ]);
  });

  it("are found between a folder and a file beside it", () => {
    const graph = new Map([
      ["call.ts", ["wire/a.ts"]],
      ["wire/a.ts", []],
      ["wire/b.ts", ["call.ts"]],
    ]);
    expect(circles(graph).map(({ path }) => path)).toEqual([["wire", "call.ts", "wire"]]);
  });

  it("reads every form of import", () => {
    const source = [
      'import a from "./a.js";',
      'import "./b.js";',
      "import {\n  c,\n  type D,\n} from './c.js';",
      'export * from "../e.js";',
      'type F = import("./f.js").F;',
      'await import("./g.js");',
      'import h from "h";',
      '// import i from "./i.js";',
      '/** import j from "./j.js" */',
    ].join("\n");
    expect(importedPaths(source)).toEqual(["./a.js", "./b.js", "./c.js", "../e.js", "./f.js", "./g.js"]);
  });
});
