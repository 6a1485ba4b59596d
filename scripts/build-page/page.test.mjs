/** The built page. */
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";
import { pageConfig } from "./config.mjs";

const maxCompressedBytes = 150_000;

test("the page is at most 150 kB compressed, has nothing inline, and names no other server", async () => {
  const config = pageConfig();
  const { output } = /** @type {any} */ (await build({ ...config, build: { ...config.build, write: false } }));
  let bytes = 0;
  for (const file of output) {
    const content = file.type === "chunk" ? file.code : file.source;
    bytes += gzipSync(content, { level: 9 }).length;
    const text = typeof content === "string" ? content : new TextDecoder().decode(content);
    const addresses = [...text.matchAll(/https?:\/\/[\w./-]+/g)].map(([address]) => address);
    expect(addresses.filter((address) => !address.startsWith("http://www.w3.org/"))).toEqual([]);
    if (!file.fileName.endsWith(".html")) continue;
    expect(text).not.toMatch(/<script(?![^>]* src=)|<style|\bon\w+=|style=/);
  }
  expect(output.length).toBeGreaterThanOrEqual(3);
  expect(bytes).toBeLessThanOrEqual(maxCompressedBytes);
});
