/** The page of limits has every limit of the code, with the default that the code has. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  defaultGrace,
  defaultKeepalive,
  defaultKeepaliveTimeout,
  defaultLifetime,
  defaultUdpIdle,
  defaultWait,
} from "../packages/cli/src/defaults.ts";
import { resolveOptions } from "../packages/h2/src/options/connection-options.ts";
import { resolveLimits } from "../packages/router/src/limits.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = readFileSync(`${root}docs/limits.md`, "utf8");

/** @param {string} title @returns {Map<string, string>} the options of a section and the text of their defaults */
function rowsOf(title) {
  const section =
    page.split(/^## /m).find((part) => part.startsWith(`${title}\n`) || part.startsWith(`${title},`)) ?? "";
  return new Map([...section.matchAll(/^\| `([\w-]+)` \| ([^|]+) \|/gm)].map(([, name, preset]) => [name, preset]));
}

/** @param {unknown} value @returns {string} a default as the page writes it, without its unit */
function written(value) {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return "none";
  if (typeof value === "object" && value !== null && "burst" in value && "perSecond" in value)
    return `${Number(value.burst).toLocaleString("en")}, +${value.perSecond}/s`;
  return Number(value).toLocaleString("en");
}

/** @param {string} preset @returns {string} */
const withoutUnit = (preset) => preset.replace(/ (?:bytes|ms|percent)$/, "");

/** @param {string} folder @returns {string[]} the text of its sources */
function sources(folder) {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !/^(?:gen|testing)\//.test(file))
    .map((file) => readFileSync(`${root}${folder}/${file}`, "utf8"));
}

describe("@trunkline/h2", () => {
  const { settings, limits, lifetime } = resolveOptions({ role: "server" });
  const { enableConnectProtocol: _, ...numbers } = settings;
  const { receiveBudget, sendBudget, ...own } = limits;
  const { keepaliveWithoutStreams: __, ...durations } = lifetime;
  const known = { ...numbers, ...own, ...durations };

  it("has all limits on the page, with their defaults", () => {
    expect([receiveBudget, sendBudget]).toEqual([undefined, undefined]);
    const expected = Object.entries(known).map(([name, value]) => [name, written(value)]);
    const onPage = [...rowsOf("@trunkline/h2")].map(([name, preset]) => [name, withoutUnit(preset)]);
    expect(onPage.sort()).toEqual(expected.sort());
  });
});

describe("@trunkline/router", () => {
  it("has all limits of a router on the page, with their defaults", () => {
    const expected = Object.entries(resolveLimits({})).map(([name, value]) => [name, written(value)]);
    const onPage = [...rowsOf("@trunkline/router")].map(([name, preset]) => [name, withoutUnit(preset)]);
    expect(onPage.sort()).toEqual(expected.sort());
  });
});

it("says the defaults of clients of the router, and of keys that it fetches, that stand in the code", () => {
  const rows = [...page.matchAll(/^\| `(?:Trunkline|listen|jwksUrl)\.(\w+)` \| ([^|]+) \|/gm)];
  expect(rows.length).toBeGreaterThanOrEqual(10);
  const texts = sources("packages/router/src");
  for (const [, option, preset] of rows) {
    const number = Number(withoutUnit(String(preset)).replaceAll(",", ""));
    expect(
      texts.flatMap((text) => defaultsIn(text, String(option))),
      `${option} in packages/router/src`,
    ).toContain(number);
  }
});

// Options that are no limits: they say what the user wants to send, measure or have reported.
const noLimits = new Set([
  "delayMs",
  "chunkBytes",
  "prefixBytes",
  "intervalMs",
  "totalReceiveBytes",
  "totalSendBytes",
  "burstBytes",
  "initialMs",
  "retryPushbackMs",
]);

describe.each(["grpc", "streams"])("@trunkline/%s", (name) => {
  const texts = sources(`packages/${name}/src`);
  const rows = rowsOf(`@trunkline/${name}`);

  it("has all limits on the page", () => {
    const limits = texts.flatMap((text) =>
      [...text.matchAll(/^ {2}readonly ((?:max[A-Z]\w*)|(?:[a-z]\w*(?:Ms|Bytes)))\?:/gm)].map(([, option]) =>
        String(option),
      ),
    );
    expect(limits.length).toBeGreaterThan(10);
    const missing = [...new Set(limits)].filter((option) => !noLimits.has(option) && !rows.has(option));
    expect(missing).toEqual([]);
  });

  it("says the defaults that stand in the code", () => {
    for (const [option, preset] of rows) {
      if (preset === "none" || option === "keepaliveIntervalMs") continue;
      const number = Number(withoutUnit(preset).replaceAll(",", ""));
      const defaults = texts.flatMap((text) => defaultsIn(text, option));
      expect(defaults, `${option} in packages/${name}/src`).toContain(number);
    }
  });
});

/**
 * @param {string} text @param {string} option @returns {number[]} the numbers that a source gives the option where it
 * is missing
 */
function defaultsIn(text, option) {
  const number = "([0-9][0-9_ *]*[0-9]|[0-9]|[a-z]\\w*)";
  // `name = 1`, `name ?? 1`, `name: 1`; and as arguments: `"name", options.name, 1`.
  const assigned = `\\b${option}(?: = | \\?\\? |: (?=[0-9]))${number}`;
  const passed = `"${option}",\\s+options\\.${option},\\s+${number}`;
  const places = new RegExp(`${assigned}|${passed}`, "g");
  const numbers = [...text.matchAll(places)].map(([, one, other]) => numberOf(String(one ?? other)));
  // A duration of a service config is text: `name = "10s"`.
  const durations = [...text.matchAll(new RegExp(`\\b${option} = "([0-9]+)s"`, "g"))];
  return [...numbers, ...durations.map(([, seconds]) => Number(seconds) * 1_000)];
}

/** @param {string} expression a product of numbers, or the name of a constant @returns {number} */
function numberOf(expression) {
  if (/^[0-9]/.test(expression))
    return expression.split(/(?<!\*)\*(?!\*)/).reduce((product, factor) => product * powerOf(factor), 1);
  for (const folder of ["grpc", "streams", "router"]) {
    for (const text of sources(`packages/${folder}/src`)) {
      const constant = new RegExp(`const ${expression}(?:: number)? = ([0-9][0-9_ *]*);`).exec(text)?.[1];
      if (constant !== undefined) return numberOf(constant);
    }
  }
  return Number.NaN;
}

/** @param {string} factor `1_024` or `2 ** 10` @returns {number} */
function powerOf(factor) {
  const [base = 0, exponent = 1] = factor.split("**").map((part) => Number(part.trim().replaceAll("_", "")));
  return base ** exponent;
}

describe("the command", () => {
  it("has its defaults on the page", () => {
    const rows = rowsOf("trunkline");
    const spaced = (/** @type {string} */ duration) => duration.replace(/([a-z])/, " $1");
    expect(rows.get("--grace")).toBe(spaced(defaultGrace));
    expect(rows.get("--keepalive")).toBe(spaced(defaultKeepalive));
    expect(rows.get("--keepalive-timeout")).toBe(spaced(defaultKeepaliveTimeout));
    expect(rows.get("--wait")).toBe(spaced(defaultWait));
    expect(rows.get("--udp-idle")).toBe(spaced(defaultUdpIdle));
    expect(rows.get("--lifetime")).toBe(spaced(defaultLifetime));
  });
});
