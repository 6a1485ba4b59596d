/** The dashboard of `trunkline router`. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { chooseDashboard } from "../../src/operation/dashboard.js";
import { InProcessLab } from "../support/lab.js";
import type { Run } from "../support/run.js";
import { Client, startService } from "../support/services.js";

// The page is built by the build of the workspace, and here where only the modules were.
beforeAll(() => {
  execFileSync(process.execPath, [fileURLToPath(new URL("../../../../scripts/build-page.mjs", import.meta.url))]);
});

/** A browser that has opened a link. */
class Browser {
  readonly origin: string;
  readonly cookie: string;

  constructor(origin: string, cookie: string) {
    this.origin = origin;
    this.cookie = cookie;
  }

  static async open(link: string): Promise<Browser> {
    const response = await fetch(link, { redirect: "manual" });
    return new Browser(new URL(link).origin, (response.headers.get("set-cookie") ?? "").replace(/;.*/s, ""));
  }

  async post(path: string, body: object): Promise<[number, unknown]> {
    const response = await fetch(this.origin + path, {
      method: "POST",
      headers: { cookie: this.cookie, origin: this.origin, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return [response.status, await response.json()];
  }

  /** Reads events until one of them has the pattern, and returns its match. */
  async read(pattern: RegExp): Promise<RegExpExecArray> {
    const ended = new AbortController();
    const { signal } = ended;
    const response = await fetch(`${this.origin}/api/events`, { headers: { cookie: this.cookie }, signal });
    let text = "";
    try {
      for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        text += new TextDecoder().decode(piece);
        const match = pattern.exec(text);
        if (match !== null) return match;
      }
    } finally {
      ended.abort();
    }
    throw new Error(`no ${pattern} in ${text.slice(-1_000)}`);
  }
}

async function linkOf(router: Run): Promise<string> {
  return (await router.event("dashboard"))["url"] as string;
}

describe("the choice of the dashboard", () => {
  const settings = { dashboardRights: "act", tls: undefined };

  test("is the port beside the router's for a router whose address was not given, and none for others", () => {
    const choice = chooseDashboard({ ...settings, isLocalRouter: true });
    expect(choice).toMatchObject({ address: { host: "127.0.0.1", port: 7_421 }, isDefault: true });
    expect(chooseDashboard({ ...settings, isLocalRouter: false })).toBeUndefined();
    expect(chooseDashboard({ ...settings, isLocalRouter: true, dashboard: "off" })).toBeUndefined();
  });

  test("beyond loopback takes the router's certificate, and is refused without one", () => {
    const beyond = { ...settings, isLocalRouter: false, dashboard: "0.0.0.0:7421" };
    expect(() => chooseDashboard(beyond)).toThrow(
      "a dashboard on 0.0.0.0:7421, which other machines can reach, needs --tls-cert and --tls-key",
    );
    const tls = { cert: "", key: "" };
    expect(chooseDashboard({ ...beyond, tls })?.tls).toBe(tls);
    expect(chooseDashboard({ ...beyond, dashboard: "7421", tls })?.tls).toBeUndefined();
    expect(() => chooseDashboard({ ...beyond, dashboard: "unix:/d" })).toThrow("a browser needs a port");
  });
});

describe("--dashboard", () => {
  test("serves the page behind a link, and SIGHUP prints another link", async () => {
    await using lab = new InProcessLab();
    const { router } = await lab.router("--dashboard", "0", "--dashboard-rights", "see");
    const browser = await Browser.open(await linkOf(router));
    const page = await fetch(`${browser.origin}/`);
    expect(await page.text()).toContain('<div id="page">');
    expect((await browser.post("/api/drain", {}))[0]).toBe(403);
    const action = await router.event("dashboard-action");
    expect(action).toMatchObject({ action: "drain", problem: "this link may see, and not act" });
    router.kill("SIGHUP");
    await router.event("reload");
    const links = router.stdout.split("\n").filter((line) => line.includes('"event":"dashboard"'));
    expect(links).toHaveLength(2);
    expect(links[0]).not.toBe(links[1]);
    expect(await router.end("SIGTERM")).toBe(0);
  });

  test("shows a stream, and ends it for both sides", async () => {
    await using lab = new InProcessLab();
    await using echo = await startService((socket) => socket.pipe(socket));
    const { router } = await lab.router("--dashboard", "0");
    const browser = await Browser.open(await linkOf(router));
    const expose = await lab.expose("echo", echo.target);
    const { port } = await lab.connect("echo");
    const client = new Client(port);
    client.socket.write("four");
    await client.receive(4);
    const [, id] = await browser.read(/"streams":\[\{"id":"([^"]+)"/);
    expect(await browser.post("/api/kill", { id: "none" })).toEqual([
      409,
      { error: expect.stringContaining("there is no stream") },
    ]);
    expect(await browser.post("/api/kill", { id, reason: "maintenance" })).toEqual([200, {}]);
    expect((await expose.event("connection-closed"))["error"]).toContain("maintenance");
    await client.over;
    expect(await router.event("router-killed")).toMatchObject({ reason: "maintenance" });
  });

  test("drains the router, which then ends in order", async () => {
    await using lab = new InProcessLab();
    const { router } = await lab.router("--dashboard", "0");
    const browser = await Browser.open(await linkOf(router));
    expect((await browser.post("/api/drain", {}))[0]).toBe(200);
    expect(await router.exit).toBe(0);
  });

  test("on a port that is taken ends the router with 73", async () => {
    await using lab = new InProcessLab();
    await using other = await startService(() => {});
    const router = lab.start("router", "--listen", "127.0.0.1:0", "--dashboard", String(other.port));
    expect(await router.exit).toBe(73);
    expect(router.stdout).toContain(`cannot listen on 127.0.0.1:${other.port}`);
  });

  test("takes only rights that there are", async () => {
    await using lab = new InProcessLab();
    const router = lab.start("router", "--dashboard", "0", "--dashboard-rights", "own");
    expect(await router.exit).toBe(64);
    expect(router.stdout).toContain("--dashboard-rights must be see or act");
  });

  test("keeps a browser signed in when the router is restarted with its key", async () => {
    await using lab = new InProcessLab();
    const key = lab.file("router.key", "a key of at least thirty-two bytes!");
    const first = await lab.router("--dashboard", "0", "--key-file", key);
    const browser = await Browser.open(await linkOf(first.router));
    await first.router.end("SIGTERM");
    const port = new URL(browser.origin).port;
    const second = await lab.router("--dashboard", port, "--key-file", key);
    await second.router.event("dashboard");
    await browser.read(/"rights":"act"/);
  });
});
