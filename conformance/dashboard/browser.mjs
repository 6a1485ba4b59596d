/** Chromium, and pages in it that note everything they should not do. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { installedByApt } from "../lib/apt.mjs";
import { JudgeMissing } from "../lib/outcome.mjs";

/** @returns {Promise<{ browser: any, axe: string }>} @throws {JudgeMissing} */
export async function launchBrowser() {
  const executablePath = installedByApt("chromium", "chromium");
  const require = createRequire(import.meta.url);
  try {
    const { chromium } = await import("playwright-core");
    const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
    // Chromium's sandbox needs rights that containers lack; it opens pages of this machine only.
    return { browser: await chromium.launch({ executablePath, args: ["--no-sandbox"] }), axe };
  } catch (error) {
    if (/** @type {any} */ (error).code === "ERR_MODULE_NOT_FOUND")
      throw new JudgeMissing("playwright-core and axe-core are not installed: npm ci");
    throw error;
  }
}

/** A page of the dashboard. */
export class Page {
  /** The troubles: errors of scripts, lines of the console, requests to elsewhere. @type {string[]} */
  troubles = [];
  #axe;

  /** @param {any} page @param {string} origin @param {string} axe */
  constructor(page, origin, axe) {
    this.page = page;
    page.setDefaultTimeout(15_000);
    this.origin = origin;
    this.#axe = axe;
    page.on("pageerror", (error) => this.troubles.push(`error: ${error.message}`));
    page.on("console", (message) => {
      // A stream that is lost or refused is a line of the browser's own.
      if (["error", "warning"].includes(message.type()) && !/net::ERR_|status of (401|503|409)/.test(message.text()))
        this.troubles.push(`console: ${message.text()}`);
    });
    page.on("request", (request) => {
      const { protocol, origin: asked } = new URL(request.url());
      if (asked !== this.origin && protocol !== "blob:") this.troubles.push(`request: ${request.url()}`);
    });
    page.on("dialog", (dialog) => {
      this.troubles.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  /** Presses keys, one after the other. @param {...string} keys */
  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Shows a view by its key. @param {number} number @param {string} title */
  async show(number, title) {
    await this.press(String(number));
    await this.page.locator("h1", { hasText: title }).waitFor();
  }

  /** Waits for a text. @param {string} selector @param {RegExp | string} text */
  async see(selector, text) {
    const found = this.page.locator(selector).filter({ hasText: text }).first();
    await found.waitFor({ state: "attached" });
    return found;
  }

  /** Judges what is shown by axe, and that nothing is wider than the window. @param {string} what */
  async judge(what) {
    if (!(await this.page.evaluate("'axe' in globalThis"))) await this.page.evaluate(this.#axe);
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const violations = await this.page.evaluate(
      async (values) =>
        (
          await globalThis.axe.run(document, { runOnly: { type: "tag", values }, resultTypes: ["violations"] })
        ).violations.map(
          ({ id, nodes }) =>
            `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`,
        ),
      tags,
    );
    assert.deepEqual(violations, [], what);
    const excess = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(excess <= 0, `${what} is ${excess} pixels wider than the window`);
  }
}
