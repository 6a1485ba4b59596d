import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";

const key = "a key of 32 bytes for these tests";

/** A token with this content, whose signature nobody has made. */
function tokenWith(header: object, claims: object): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  return `${encode(header)}.${encode(claims)}.c2ln`;
}

describe("token inspect", () => {
  test("shows what a minted token says", async () => {
    await using lab = new InProcessLab();
    const minted = lab.run(["token", "mint", "lab-3", "--lifetime", "2h"], { ROUTER_KEY: key });
    expect(await minted.exit).toBe(0);
    const file = lab.file("lab-3.token", minted.stdout);
    const inspect = lab.run(["token", "inspect", file]);
    expect(await inspect.exit).toBe(0);
    expect(inspect.stdout).toMatch(/^identity {3}lab-3$/m);
    expect(inspect.stdout).toMatch(/^expires {4}\S+, in (?:1 h 59|2 h 0) min$/m);
    expect(inspect.stdout).not.toContain(minted.stdout.trim());
    const json = lab.run(["token", "inspect", "--json"], { TRUNKLINE_TOKEN: minted.stdout });
    expect(await json.event("token-content")).toMatchObject({ claims: { sub: "lab-3" }, header: { alg: "HS256" } });
  });

  test("says that one has expired, or never will, and lets no text steer the terminal", async () => {
    await using lab = new InProcessLab();
    const old = lab.run(["token", "inspect"], {
      TRUNKLINE_TOKEN: tokenWith({ alg: "none" }, { sub: "a\u001b[2J", exp: 0 }),
    });
    expect(await old.exit).toBe(0);
    expect(old.stdout).toContain("1970-01-01T00:00:00.000Z");
    expect(old.stdout).toContain("ago: expired");
    expect(old.stdout).toContain('identity   "a\\u001b[2J"');
    const endless = lab.run(["token", "inspect"], {
      TRUNKLINE_TOKEN: tokenWith({ alg: "HS256", kid: "k1" }, { exp: "x" }),
    });
    expect(await endless.exit).toBe(0);
    expect(endless.stdout).toContain("expires    never (exp is x)");
    expect(endless.stdout).toContain("HS256, key k1");
  });

  test.each(["abc", "a.b.c", "e30.e30", "e30.e30.e30.e30", "bnVsbA.e30.x"])(
    "refuses %s, which is none",
    async (text) => {
      await using lab = new InProcessLab();
      const inspect = lab.run(["token", "inspect", lab.file("token", text)]);
      expect(await inspect.exit).toBe(66);
      expect(inspect.stderr).toContain("holds no JWT");
      expect(inspect.stderr).not.toContain(`"${text}"`);
    },
  );
});
