/** The root pages name only files that exist, and the three ways into the code only names that stand in their files. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const pages = [
  ...readdirSync(root),
  ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
  "examples/README.md",
].filter((name) => name.endsWith(".md"));

/** @param {string} page @returns {string} its text without blocks of code */
const textOf = (page) => readFileSync(join(root, page), "utf8").replace(/^```[\s\S]*?^```/gm, "");

/** @param {string} text @returns {string[]} what stands in backquotes */
const quoted = (text) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, name]) => String(name));

/** @param {string} path @returns {boolean} whether it is a file of the repository or of one of its packages' sources */
function isFile(path) {
  const [name, ...rest] = path.split("/");
  return existsSync(join(root, path)) || existsSync(join(root, "packages", String(name), ...rest));
}

describe.each(pages)("%s", (page) => {
  it("links to files that exist", () => {
    const links = [...textOf(page).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(([, link]) => String(link));
    const broken = links.filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(root, dirname(page), link)));
    expect(broken).toEqual([]);
  });

  it("names source files that exist", () => {
    const paths = quoted(textOf(page)).filter((name) => /^[\w-]+\/src\/[\w/.-]+\.ts$/.test(name));
    expect(paths.filter((path) => !isFile(path))).toEqual([]);
  });
});

describe("the ways into the code in CONTRIBUTING.md", () => {
  const ways =
    textOf("CONTRIBUTING.md")
      .split(/^## /m)
      .find((section) => section.startsWith("Three ways")) ?? "";
  const steps = ways.split(/^\d\. /m).slice(1);

  it.each(steps.map((step) => [step.split("\n")[0], step]))("%s", (_, step) => {
    const names = quoted(step.split("\n\n")[0] ?? "");
    const files = names.filter((name) => name.endsWith(".ts") && name.includes("/"));
    expect(files.length).toBeGreaterThan(0);
    const sources = files.map((file) => readFileSync(join(root, "packages", file), "utf8")).join("\n");
    const identifiers = names
      .filter((name) => !name.endsWith(".ts"))
      .map((name) => /^[\w.]*?(#?\w+)(?:\W|$)/.exec(name.replace(/^.*[.?](?=#?\w)/, ""))?.[1] ?? name);
    expect(identifiers.filter((identifier) => !sources.includes(identifier))).toEqual([]);
  });
});
