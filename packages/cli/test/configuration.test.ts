/** A router that is told by a file what to do, and that looks at its files again on SIGHUP. */

import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { Signer } from "../../router/test/support/signer.js";
import { ExitCode } from "../src/exit-codes.js";
import { InProcessLab } from "./support/lab.js";

describe("--config", () => {
  test("gives a router its options, and flags count more", async () => {
    await using lab = new InProcessLab();
    lab.file("policy.yaml", "rules: []\n");
    const config = lab.file("router.yaml", "listen: 127.0.0.1:0\ngrace: 0\npolicy: policy.yaml\n");
    const router = lab.start("router", "--config", config, "--listen", `unix:${lab.folder}/r.sock`);
    expect(await router.event("listening")).toMatchObject({ path: `${lab.folder}/r.sock` });
    const refused = lab.run(["expose", "web", "3000", "--no-check"]);
    expect(await refused.exit).toBe(ExitCode.denied);
    expect(refused.stderr).toContain("the policy does not let");
  });

  test("with mistakes ends the router with the first one, and check shows all", async () => {
    await using lab = new InProcessLab();
    const config = lab.file("router.yaml", "grace: soon\nlistn: x\n");
    const router = lab.run(["router", "--config", config]);
    expect(await router.exit).toBe(ExitCode.unreadable);
    expect(router.stderr).toBe(
      `trunkline: cannot use the configuration ${config}:1:1: grace "soon" is no duration; use 30s, 15m, 12h or 30d ` +
        `(and 1 more: trunkline check --config ${config})\n`,
    );
    const check = lab.run(["check", "--config", config]);
    expect(await check.exit).toBe(ExitCode.unreadable);
    expect(check.stdout.trim().split("\n")).toHaveLength(2);
    expect(check.stderr).toContain(`the configuration ${config} has 2 mistakes`);
    const good = lab.run(["check", "--config", lab.file("good.yaml", "grace: 1s\n")]);
    expect(await good.exit).toBe(0);
    expect(good.stdout).toContain("can be used; settings: 1");
  });

  test("beyond loopback needs TLS, or --plaintext, from wherever the address comes", async () => {
    await using lab = new InProcessLab();
    const config = lab.file("router.yaml", "listen: 0.0.0.0:0\n");
    for (const run of [
      lab.run(["router", "--config", config]),
      lab.run(["router"], { TRUNKLINE_ROUTER_LISTEN: "0.0.0.0:0" }),
    ]) {
      expect(await run.exit).toBe(ExitCode.usage);
      expect(run.stderr).toContain("which other machines can reach, needs --tls-cert and --tls-key (or --plaintext)");
    }
  });
});

describe("--print-config", () => {
  test("prints what holds and why, as a file that says the same, and no secret", async () => {
    await using lab = new InProcessLab();
    const text = 'jwks: https://a.example/keys?token=geheim\noidcPrefix: "sso:"\nmetrics: 9464\n';
    const config = lab.file("router.yaml", text);
    const env = { ROUTER_KEY: "geheim".repeat(8), TRUNKLINE_ROUTER_GRACE: "30s", TRUNKLINE_ROUTER_GRCE: "1s" };
    const run = lab.run(["router", "--config", config, "--listen", "unix:/tmp/a b", "--print-config"], env);
    expect(await run.exit).toBe(0);
    expect(run.stdout).toMatch(/^listen: "unix:\/tmp\/a b" +# --listen$/m);
    expect(run.stdout).toMatch(/^grace: "30s" +# TRUNKLINE_ROUTER_GRACE$/m);
    expect(run.stdout).toMatch(new RegExp(`^jwks: "https://a.example/keys\\?hidden" +# ${config}:1$`, "m"));
    expect(run.stdout).toMatch(/^keepalive: "20s" +# default$/m);
    expect(run.stdout).toContain("# policy is not set\n");
    expect(run.stdout).toContain("# ROUTER_KEY is set, and not shown");
    expect(run.stdout + run.stderr).not.toContain("geheim");
    expect(run.stderr).toContain("TRUNKLINE_ROUTER_GRCE is no setting of a router, and ignored");
    const again = lab.run(["router", "--config", lab.file("again.yaml", run.stdout), "--print-config", "--json"]);
    expect(await again.exit).toBe(0);
    const { settings, routerKey } = JSON.parse(again.stdout);
    expect(settings).toMatchObject({
      oidcPrefix: { value: "sso:" },
      metrics: { value: "9464" },
      linger: { value: null },
    });
    expect(routerKey).toBe(false);
  });
});

describe("the limits of a router", () => {
  test("hold as they are given by name, in a configuration too", async () => {
    await using lab = new InProcessLab();
    const config = lab.file("router.yaml", "limits: maxListeners=1, maxWaitMs=5000\n");
    const { router } = await lab.router("--config", config);
    await lab.expose("web", "3000", "--no-check");
    const another = lab.run(["expose", "another", "3000", "--no-check"]);
    expect(await router.event("router-refused")).toMatchObject({
      method: "/trunkline.v1.ExchangeService/Listen",
      status: 8,
    });
    another.kill("SIGINT");
    await another.exit;
  });
});

describe("SIGHUP", () => {
  test("has a router look at its files at once, and does not end it", async () => {
    await using lab = new InProcessLab();
    const policy = lab.file("policy.yaml", "rules: []\n");
    const { router } = await lab.router("--policy", policy);
    writeFileSync(policy, "rules: [\n");
    router.kill("SIGHUP");
    expect((await router.event("policy-unusable"))["error"]).toContain(`${policy}:2:1: `);
    writeFileSync(policy, "rules: []\n# another one\n");
    router.kill("SIGHUP");
    await router.event("policy-changed");
    expect(await lab.run(["ls"]).exit).toBe(0);
  });

  test("ends other commands", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    const expose = await lab.expose("web", "3000", "--no-check");
    expose.kill("SIGHUP");
    expect(await expose.exit).toBe(0);
  });
});

describe("a provider of OpenID Connect", () => {
  test("needs its audience, and other settings of it need it", async () => {
    await using lab = new InProcessLab();
    for (const [args, message] of [
      [["--oidc-issuer", "https://a.example"], "--oidc-issuer needs --oidc-audience"],
      [["--oidc-claim", "email"], "--oidc-claim needs --oidc-issuer"],
    ] as const) {
      const run = lab.run(["router", "--listen", "127.0.0.1:0", ...args]);
      expect(await run.exit).toBe(ExitCode.usage);
      expect(run.stderr).toContain(message);
    }
  });

  test("has users that list, whose keys are fetched again on SIGHUP", async () => {
    await using lab = new InProcessLab();
    let signer = new Signer("k1");
    const server = createServer((request, response) => {
      const origin = `http://${request.headers.host}`;
      if (request.url === "/keys") response.end(JSON.stringify({ keys: [signer.jwk] }));
      else response.end(JSON.stringify({ issuer: origin, jwks_uri: `${origin}/keys` }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { router, endpoint } = await lab.router("--oidc-issuer", issuer, "--oidc-audience", "lab");
      await router.event("router-keys-fetched");
      const exp = Math.floor(Date.now() / 1_000) + 600;
      const ls = async (): Promise<number> => {
        const token = signer.token({ iss: issuer, aud: "lab", sub: "ada", exp });
        return lab.run(["ls", "--endpoint", endpoint], { TRUNKLINE_TOKEN: token }).exit;
      };
      expect(await ls()).toBe(0);
      signer = new Signer("k1");
      expect(await ls()).toBe(ExitCode.denied);
      router.kill("SIGHUP");
      await router.event("router-keys-fetched");
      expect(await ls()).toBe(0);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
