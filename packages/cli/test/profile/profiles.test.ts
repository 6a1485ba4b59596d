import { describe, expect, test } from "vitest";
import { readYaml } from "../../src/operation/yaml-file.js";
import { accessOf, chooseProfile, type Profiles, profilesPath, profilesSchema } from "../../src/profile/profiles.js";

const read = (text: string) => readYaml<Profiles>(Buffer.from(text), profilesSchema);
const problemsOf = (text: string): string[] =>
  (read(text).problems ?? []).map(({ line, message }) => `${line}: ${message}`);

const good = `
default: lab
profiles:
  lab:
    endpoint: [router.example.org:7420, backup.example.org:7420]
    tokenFile: lab.token
    tlsCa: ~/ca.pem
    proxy: socks5://proxy.example.org:1080
    forwards:
      - 5432:lab/db
      - udp:5353:dns
      - lab/board R:8080:localhost:3000
  here: {}
`;

describe("a file of profiles", () => {
  test("that is right has no problems, and paths relative to its folder", () => {
    const { value } = read(good);
    expect(value?.profiles["lab"]?.forwards).toHaveLength(3);
    expect(accessOf(value?.profiles["lab"] ?? {}, "/etc/trunkline/config.yaml", { HOME: "/home/me" })).toEqual({
      endpoint: ["router.example.org:7420", "backup.example.org:7420"],
      identity: undefined,
      peerKey: undefined,
      peerCa: undefined,
      tokenFile: "/etc/trunkline/lab.token",
      tlsCa: "/home/me/ca.pem",
      tlsCert: undefined,
      tlsKey: undefined,
      plaintext: undefined,
      proxy: "socks5://proxy.example.org:1080",
    });
  });

  test.each([
    ["", "1: it must have the key profiles"],
    ["profiles: {}", "1: profiles must be a map of at least one profile by its name"],
    ["profiles:\n  lab: 3", "2: a profile must be a map"],
    ["profiles:\n  a b: {}", "2: the name of a profile has 1 to 64 letters"],
    ["default: x\nprofiles:\n  lab: {}", "1: default must be one of the profiles: lab"],
    ["profiles:\n  lab:\n    endpont: a:1", '3: the key "endpont" is unknown, use endpoint, tokenFile'],
    ["profiles:\n  lab:\n    token: x", "a secret is not kept here: name its file with tokenFile"],
    ["profiles:\n  lab:\n    endpoint: 7420", "3: endpoint must be an address"],
    ["profiles:\n  lab:\n    endpoint: ['a:1', b]", '3: endpoint "b" has no port'],
    ["profiles:\n  lab:\n    identity: a", "2: identity goes with peerKey or with peerCa"],
    ["profiles:\n  lab:\n    peerKey: a", "2: identity goes with peerKey or with peerCa"],
    ["profiles:\n  lab:\n    identity: a\n    peerKey: []", "4: peerKey must be a pin, or a list of 1 to 100"],
    ["profiles:\n  lab:\n    proxy: 3", "3: proxy must be a URL, or none"],
    ["profiles:\n  lab:\n    proxy: ftp://a:1", "3: proxy"],
    ["profiles:\n  lab:\n    proxy: http://me:secret@a:1", "3: a password in proxy would be seen in the file"],
    ["profiles:\n  lab:\n    plaintext: yes please", "3: plaintext must be true or false"],
    ["profiles:\n  lab:\n    tlsCa: a\n    plaintext: true", "4: tlsCa, tlsCert and plaintext exclude each other"],
    ["profiles:\n  lab:\n    tlsCert: a", "2: tlsCert and tlsKey go together"],
    ["profiles:\n  lab:\n    tokenFile: [a]", "3: tokenFile must be the path of a file"],
    ["profiles:\n  lab:\n    forwards: 8080:web", "3: forwards must be a list"],
    ["profiles:\n  lab:\n    forwards:\n      - 1:a\n      - web", '5: forward "web" has no address to listen on'],
    ["profiles:\n  lab:\n    forwards:\n      - 1:a\n      - 1:a", '5: the forward "1:a" is there twice'],
    ["profiles:\n  lab:\n    forwards: [1:a 2:b]", "3: 2 forwards are in one entry; each has its own"],
    ["profiles:\n  lab:\n    forwards: [3]", "3: a forward must be text"],
    ["profiles:\n  lab: &x {}", "2: a file of profiles has no anchors"],
  ])("%j: %s", (text, problem) => {
    expect(problemsOf(text).join("\n")).toContain(problem);
  });
});

describe("the choice of a profile", () => {
  const profiles = (names: readonly string[], preset?: string): Profiles => ({
    profiles: Object.fromEntries(names.map((name) => [name, {}])),
    ...(preset !== undefined && { default: preset }),
  });

  test("is the given one, the default, or the only one", () => {
    expect(chooseProfile(profiles(["a", "b"], "b"), "a", "f")).toBe("a");
    expect(chooseProfile(profiles(["a", "b"], "b"), undefined, "f")).toBe("b");
    expect(chooseProfile(profiles(["a"]), undefined, "f")).toBe("a");
    expect(() => chooseProfile(profiles(["a", "b"]), undefined, "f")).toThrow(
      "choose a profile with --profile; the profiles in f are a, b",
    );
    expect(() => chooseProfile(profiles(["a"]), "toString", "f")).toThrow('there is no profile "toString"');
  });
});

test("the file is below XDG_CONFIG_HOME, else below the home", () => {
  expect(profilesPath({ HOME: "/home/me" })).toBe("/home/me/.config/trunkline/config.yaml");
  expect(profilesPath({ HOME: "/home/me", XDG_CONFIG_HOME: "/conf" })).toBe("/conf/trunkline/config.yaml");
});
