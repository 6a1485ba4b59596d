/** The dashboard's page inside a program: its files are strings of a module, instead of files beside it. */
const reader = new URL("../../packages/dashboard/dist/page-files.js", import.meta.url).href;

/** Replaces the module that reads the page's files. @type {import("rolldown").Plugin} */
export const pageInside = {
  name: "page-inside",
  resolveId: (id) => (id === "#page-files" ? "\0page-files" : null),
  load: (id) => (id === "\0page-files" ? moduleOfPage() : null),
};

/** @returns {Promise<string>} a module like the one that reads them, `packages/dashboard/src/page-files.ts` */
async function moduleOfPage() {
  const { pageFiles } = await import(reader);
  const files = Array.from(await pageFiles(), ([name, bytes]) => [name, bytes.toString("utf8")]);
  return `const files = ${JSON.stringify(files)};
export const pageFiles = async () => new Map(files.map(([name, text]) => [name, new TextEncoder().encode(text)]));`;
}
