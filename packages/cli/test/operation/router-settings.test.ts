/** The settings of a router: which place counts, where each came from, and every mistake with its place. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { rejection } from "../../../router/test/support/router.js";
import { configSchema, effectiveSettings } from "../../src/operation/router-settings.js";
import { problemText, readYaml } from "../../src/operation/yaml-file.js";
import { flagOf, routerOptions, routerSettingNames, variableOf } from "../../src/router-options.js";

const folder = mkdtempSync(join(tmpdir(), "trunkline-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string, name = "router.yaml"): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const mistakesIn = (text: string): string[] =>
  (readYaml(Buffer.from(text), configSchema).problems ?? []).map((problem) => problemText("c", problem));

describe("a setting", () => {
  test("comes from its flag, else its variable, else the file, else its default", async () => {
    const config = file("\ngrace: 3s\nkeepalive: 9s\nkeepaliveTimeout: 8s\n");
    const env = { TRUNKLINE_ROUTER_GRACE: "2s", TRUNKLINE_ROUTER_KEEPALIVE: "7s", TRUNKLINE_ROUTER_LINGER: "" };
    const { settings, origins } = await effectiveSettings({ config, grace: "1s" }, env);
    expect(settings).toEqual({
      listen: "127.0.0.1:7420",
      grace: "1s",
      keepalive: "7s",
      keepaliveTimeout: "8s",
      clockTolerance: "0",
      dashboardRights: "act",
    });
    expect(origins).toMatchObject({
      grace: { value: "1s", origin: "--grace" },
      keepalive: { origin: "TRUNKLINE_ROUTER_KEEPALIVE" },
      keepaliveTimeout: { origin: `${config}:4` },
      listen: { origin: "default" },
      policy: { value: undefined, origin: "default" },
    });
  });

  test("has a flag and a variable whose names are made of its own", () => {
    for (const name of routerSettingNames)
      expect(routerOptions[name].flags).toMatch(new RegExp(`${flagOf(name)}( |$)`));
    expect([flagOf("tlsCert"), variableOf("tlsCert")]).toEqual(["--tls-cert", "TRUNKLINE_ROUTER_TLS_CERT"]);
  });

  test("that is a switch is turned off by a place that counts more", async () => {
    const config = file("plaintext: true\n");
    expect((await effectiveSettings({ config }, {})).settings.plaintext).toBe(true);
    const env = { TRUNKLINE_ROUTER_CONFIG: config, TRUNKLINE_ROUTER_PLAINTEXT: "false" };
    expect((await effectiveSettings({}, env)).settings.plaintext).toBeUndefined();
    expect((await effectiveSettings({ plaintext: true }, env)).settings.plaintext).toBe(true);
  });

  test("that names a file is taken from the folder of the configuration, and an address is not", async () => {
    const config = file("policy: policy.yaml\naudit: /var/log/a\njwks: https://a.example/keys\nkeyFile: ./k\n");
    const { settings } = await effectiveSettings({ config, keyFile: "k" }, {});
    expect(settings).toMatchObject({
      policy: join(folder, "policy.yaml"),
      audit: "/var/log/a",
      jwks: "https://a.example/keys",
      keyFile: "k",
    });
  });

  test.each([
    ["flag", { grace: "soon" }, {}, '--grace "soon" is no duration'],
    ["variable", {}, { TRUNKLINE_ROUTER_GRACE: "5" }, 'TRUNKLINE_ROUTER_GRACE "5" has no unit'],
    ["flag without a value", { policy: "" }, {}, "--policy must not be empty"],
    ["variable", {}, { TRUNKLINE_ROUTER_PLAINTEXT: "maybe" }, 'must be true or false, not "maybe"'],
    ["flag", { listen: "host:99999" }, {}, "--listen: "],
    ["flag", { oidcIssuer: "login.example" }, {}, "--oidc-issuer must be an address such as https://"],
    ["flag", { jwks: "http://a.example/keys" }, {}, "--jwks http://a.example/keys must begin with https://"],
    ["flag", { jwks: "https://me:secret@a.example/keys" }, {}, "must not have a user name or a password"],
    ["flag", { clockTolerance: "2h" }, {}, '--clock-tolerance "2h" is longer than'],
    ["flag", { audience: "a\nb" }, {}, "--audience has control characters"],
    ["flag", { audience: "x".repeat(4_097) }, {}, "--audience has 4097 characters, more than 4096"],
  ])("with a mistake is refused with the name of its %s", async (_, options, env, message) => {
    const error = await rejection(effectiveSettings(options, env));
    expect(error.message).toContain(message);
    expect(error.message).not.toContain("secret");
  });

  test("of a variable that no setting has is told, except those that Kubernetes makes", async () => {
    const env = {
      TRUNKLINE_ROUTER_POLCY: "x",
      TRUNKLINE_ROUTER_PORT: "tcp://10.0.0.1:7420",
      TRUNKLINE_ROUTER_SERVICE_HOST: "10.0.0.1",
      TRUNKLINE_ROUTER_PORT_7420_TCP_ADDR: "10.0.0.1",
    };
    expect((await effectiveSettings({}, env)).unknownVariables).toEqual(["TRUNKLINE_ROUTER_POLCY"]);
  });
});

describe("a configuration file", () => {
  test("shows all of its mistakes, each with its place", () => {
    const text = ["listn: 1", "grace: soon", "plaintext: yes", "policy: [a]", "linger: 400d", "tlsCert:", ""].join(
      "\n",
    );
    const found = mistakesIn(text);
    expect(found).toEqual([
      expect.stringMatching(/^c:1:1: "listn" is no setting of a router; they are listen, keyFile, /),
      'c:2:1: grace "soon" is no duration; use 30s, 15m, 12h or 30d',
      "c:3:1: plaintext must be true or false",
      "c:4:1: policy must be text",
      expect.stringMatching(/^c:5:1: linger "400d" is longer than /),
      "c:6:1: tlsCert must be text",
    ]);
  });

  test.each([
    ["a list", "- listen\n", 'c:1:1: a configuration must have lines such as "listen: 0.0.0.0:7420"'],
    ["text", "listen\n", 'c:1:1: a configuration must have lines such as "listen: 0.0.0.0:7420"'],
    ["a key twice", "grace: 1s\ngrace: 2s\n", 'c:2:1: the key "grace" is there twice'],
    ["an alias", "grace: *x\n", "c:1:8: a configuration has no aliases (*name): a text that begins with a star"],
    ["a tag", "grace: !!js/function x\n", "c:1:8: a configuration has no tags (!name)"],
    ["the prototype", "__proto__: {listen: x}\n", 'c:1:1: "__proto__" is no setting of a router'],
    ["a constructor", "constructor: x\n", 'c:1:1: "constructor" is no setting of a router'],
  ])("with %s is refused with the place", (_, text, message) => {
    const [first, ...more] = mistakesIn(text);
    expect(first?.slice(0, message.length)).toBe(message);
    expect(more).toEqual([]);
  });

  test("as the pages show it can be used", () => {
    for (const page of ["docs/operators.md", "packages/cli/README.md"]) {
      const text = readFileSync(new URL(`../../../../${page}`, import.meta.url), "utf8");
      const examples = [...text.matchAll(/```yaml\n(# router\.yaml\n[\s\S]*?)```/g)];
      expect(examples.length).toBeGreaterThan(0);
      for (const [, example] of examples) expect(mistakesIn(String(example))).toEqual([]);
    }
  });

  test("may be empty, or of comments alone, or have numbers for text", () => {
    for (const text of ["", "# soon\n", "listen: 7420\n"]) expect(mistakesIn(text)).toEqual([]);
  });

  test("that is not there, or large, is refused with its name", async () => {
    const missing = await rejection(effectiveSettings({ config: "/nowhere/router.yaml" }, {}));
    expect(missing.message).toBe("cannot read the configuration /nowhere/router.yaml: there is no such file");
    const large = await rejection(effectiveSettings({ config: file("#".repeat(262_145), "large") }, {}));
    expect(large.message).toContain("it has more than 262144 bytes");
  });
});
