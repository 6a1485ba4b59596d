/** The files for containers start commands that exist, with options that exist. No engine is needed, or asked. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseCommandLine } from "../src/command-line.js";

const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../docker/${name}`, import.meta.url)), "utf8");

interface Service {
  readonly build?: string;
  readonly command?: readonly string[];
  readonly secrets?: readonly string[];
}
const compose = parse(read("compose.yaml")) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
};

test("the image runs trunkline, and not as root", () => {
  const lines = read("Dockerfile").split("\n");
  expect(lines).toContain('ENTRYPOINT ["trunkline"]');
  expect(lines.indexOf("USER node")).toBeGreaterThan(lines.findIndex((line) => line.startsWith("RUN npm install")));
  expect(lines.find((line) => line.startsWith("FROM"))).toMatch(/^FROM node:(2[02468])-/);
});

test.each(["router", "expose"])("the service %s of the example has a command that is understood", (name) => {
  const { command = [], secrets = [], build } = compose.services[name] ?? {};
  expect(build).toBe(".");
  expect(parseCommandLine(command, () => {})?.command).toBe(name);
  const used = command.flatMap((word) => /\/run\/secrets\/(.+)$/.exec(word)?.[1] ?? []);
  expect([...used].sort()).toEqual([...secrets].sort());
  for (const secret of secrets) expect(Object.keys(compose.secrets)).toContain(secret);
});

test("the commands that the example asks for are understood, and make its secrets", () => {
  const asked = [...read("compose.yaml").matchAll(/^# {3}(?:\(umask 077; )?trunkline ([^>#\n)]+)/gm)];
  expect(asked.map(([, words = ""]) => parseCommandLine(words.trim().split(/ +/), () => {})?.command)).toEqual([
    "key",
    "cert server",
    "token mint",
    "connect",
  ]);
});
