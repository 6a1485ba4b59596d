import { readFileSync } from "node:fs";
import { request } from "node:http";
import { request as tlsRequest } from "node:https";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { type Dashboard, type DashboardAction, type DashboardOptions, serveDashboard } from "../src/index.js";
import { FakeRouter } from "./support/fake-router.js";

const html = new TextEncoder().encode("<!doctype html>");
const assets = new Map([["/", { type: "text/html", bytes: html, gzipped: gzipSync(html), isImmutable: false }]]);
const loopback = { host: "127.0.0.1", port: 0 };

const open: Dashboard[] = [];
afterEach(async () => {
  for (const dashboard of open.splice(0)) await dashboard[Symbol.asyncDispose]();
});

class Site {
  readonly router = new FakeRouter();
  readonly actions: DashboardAction[] = [];
  dashboard!: Dashboard;
  cookie = "";

  static async open(options: Partial<DashboardOptions> = {}): Promise<Site> {
    const site = new Site();
    const onAction = (action: DashboardAction): void => void site.actions.push(action);
    site.dashboard = await serveDashboard(site.router, { address: loopback, assets, onAction, ...options });
    open.push(site.dashboard);
    return site;
  }

  get origin(): string {
    return `http://${this.dashboard.address}`;
  }

  async signIn(rights: "see" | "act" = "act"): Promise<void> {
    const response = await fetch(this.dashboard.newLink(rights), { redirect: "manual" });
    this.cookie = (response.headers.get("set-cookie") ?? "").replace(/;.*/s, "");
  }

  get(path: string, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
    return fetch(this.origin + path, { headers: { cookie: this.cookie, ...headers }, signal: signal ?? null });
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.origin + path, {
      method: "POST",
      headers: { cookie: this.cookie, origin: this.origin, "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  }

  /** Sends a request with a `Host` of one's own, and returns its status. */
  statusFor(host: string): Promise<number | undefined> {
    const [name, port] = this.dashboard.address.split(":");
    return new Promise((resolve, reject) => {
      request({ host: name, port, path: "/", headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
  }
}

/** A body that is an object for a test's title. */
const largeBody = {
  toString: () => "of 20 kB",
  toJSON: () => ({ id: "x".repeat(20_000) }),
};

function raise(): never {
  throw new Error("no");
}

async function errorOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: string }).error;
}

describe("a link", () => {
  test("becomes a cookie that scripts cannot read, and leaves the address", async () => {
    const site = await Site.open();
    const link = site.dashboard.newLink();
    const response = await fetch(link, { redirect: "manual" });
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/");
    expect(response.headers.get("set-cookie")).toMatch(/; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    const again = await fetch(link, { redirect: "manual" });
    expect(again.headers.get("set-cookie")).toBeNull();
    expect(again.headers.get("location")).toBe("/#/link-not-good");
  });

  test("is not used up by HEAD", async () => {
    const site = await Site.open();
    const link = site.dashboard.newLink();
    expect((await fetch(link, { method: "HEAD", redirect: "manual" })).status).toBe(405);
    expect((await fetch(link, { redirect: "manual" })).headers.get("set-cookie")).not.toBeNull();
  });

  test("leaves a cookie that outlives the dashboard where the key is the same", async () => {
    const cookieKey = new Uint8Array(32).fill(1);
    const first = await Site.open({ cookieKey });
    await first.signIn();
    const { address } = first.dashboard;
    await first.dashboard[Symbol.asyncDispose]();
    const port = Number(address.split(":")[1]);
    const second = await Site.open({ cookieKey, address: { host: "127.0.0.1", port } });
    second.cookie = first.cookie;
    expect((await second.post("/api/drain", {})).status).toBe(200);
  });
});

describe("onAction", () => {
  test.each([
    ["throws", () => raise()],
    ["rejects", () => Promise.reject(new Error("no"))],
  ])("changes no answer where it %s", async (_, fail) => {
    const site = await Site.open({ onAction: fail as () => void });
    await site.signIn();
    const killed = await site.post("/api/kill", { id: "1", reason: "x" });
    expect(killed.status).toBe(200);
    site.router.problem = "there is no such stream";
    const refused = await site.post("/api/kill", { id: "1", reason: "x" });
    expect(await errorOf(refused)).toBe("there is no such stream");
  });
});

describe("the page", () => {
  test("may load scripts and styles from its own server only", async () => {
    const site = await Site.open();
    const response = await site.get("/");
    expect(await response.text()).toBe("<!doctype html>");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await site.get("/nothing")).status).toBe(404);
  });

  test("is not served under other hosts, and not for pages of other origins", async () => {
    const site = await Site.open();
    const port = site.dashboard.address.split(":")[1];
    expect(await site.statusFor(`localhost:${port}`)).toBe(200);
    expect(await site.statusFor(`[::1]:${port}`)).toBe(200);
    for (const host of [`evil.example:${port}`, "127.0.0.1", "127.0.0.1:1", `127.0.0.1.evil.example:${port}`, "x y"])
      expect(await site.statusFor(host), host).toBe(403);
    await site.signIn();
    const response = await site.get("/api/events", { origin: "http://evil.example" });
    expect(await errorOf(response)).toMatch(/takes no requests from the origin/);
  });

  test("gets no events without a cookie", async () => {
    const site = await Site.open();
    const response = await site.get("/api/events");
    expect(response.status).toBe(401);
    expect(site.router.watches.size).toBe(1);
  });

  test("is told when too many are open, and the place of one that is closed is free", async () => {
    const site = await Site.open({ maxPages: 1 });
    await site.signIn();
    const first = new AbortController();
    const stream = await site.get("/api/events", {}, first.signal);
    expect(stream.headers.get("content-type")).toBe("text/event-stream");
    const second = await site.get("/api/events");
    expect(second.status).toBe(503);
    expect(await errorOf(second)).toMatch(/1 pages are open already/);
    first.abort();
    await stream.text().catch(() => {});
    for (let status = 503; status === 503; ) {
      const third = await site.get("/api/events");
      status = third.status;
      await third.body?.cancel();
    }
  });
});

describe("an action", () => {
  test("is done for a page that may act, with its reason", async () => {
    const site = await Site.open();
    await site.signIn();
    expect((await site.post("/api/kill", { id: "s1", reason: " too long " })).status).toBe(200);
    const evicted = await site.post("/api/evict", { name: "lab", listenerId: "l1", killStreams: true });
    expect(await evicted.json()).toEqual({ listeners: 1, streams: 2 });
    expect((await site.post("/api/drain", {})).status).toBe(200);
    expect(site.router.done).toEqual([
      "kill s1: too long; the dashboard at 127.0.0.1",
      "evict lab l1 true: ",
      "drain undefined",
    ]);
    expect(site.actions.map(({ action, problem }) => [action, problem])).toEqual([
      ["kill", undefined],
      ["evict", undefined],
      ["drain", undefined],
    ]);
  });

  test("that the router cannot do answers with its reason", async () => {
    const site = await Site.open();
    await site.signIn();
    site.router.problem = "there is no stream s1";
    const response = await site.post("/api/kill", { id: "s1" });
    expect(response.status).toBe(409);
    expect(await errorOf(response)).toBe("there is no stream s1");
    expect(site.actions[0]?.problem).toBe("there is no stream s1");
  });

  test("is never done by GET, from another origin, by a form, or by a link that may only see", async () => {
    const site = await Site.open();
    await site.signIn("act");
    expect((await site.get("/api/drain")).status).toBe(405);
    expect((await site.post("/api/drain", {}, { origin: "http://evil.example" })).status).toBe(403);
    expect((await site.post("/api/drain", {}, { origin: "null" })).status).toBe(403);
    expect((await site.post("/api/drain", "{}", { "content-type": "text/plain" })).status).toBe(415);
    const withoutOrigin = { method: "POST", headers: { cookie: site.cookie, "content-type": "application/json" } };
    expect((await fetch(`${site.origin}/api/drain`, { ...withoutOrigin, body: "{}" })).status).toBe(403);
    await site.signIn("see");
    expect(await errorOf(await site.post("/api/drain", {}))).toBe("this link may see, and not act");
    site.cookie = "";
    expect((await site.post("/api/drain", {})).status).toBe(401);
    expect(site.router.done).toEqual([]);
  });

  test.each([
    ["not JSON", 400, "the body is not JSON"],
    ["[]", 400, "the body must be a JSON object"],
    ["{}", 400, "id must be text of at most 1024 characters"],
    ['{"id":"a","reason":"two\\nlines"}', 400, "reason must be one line of at most 200 characters"],
    [largeBody, 413, "the body is larger than 16384 bytes"],
  ])("with the body %s is refused", async (body, status, message) => {
    const site = await Site.open();
    await site.signIn();
    const response = await site.post("/api/kill", body);
    expect(response.status).toBe(status);
    expect(await errorOf(response)).toBe(message);
    expect(site.router.done).toEqual([]);
  });
});

describe("the address", () => {
  test("beyond loopback needs TLS", async () => {
    const options = { address: { host: "0.0.0.0", port: 0 }, assets };
    await expect(serveDashboard(new FakeRouter(), options)).rejects.toThrow(
      "a dashboard on 0.0.0.0:0, which other machines can reach, needs TLS",
    );
  });

  test("that is taken is an error that names it", async () => {
    const site = await Site.open();
    const port = Number(site.dashboard.address.split(":")[1]);
    const router = new FakeRouter();
    await expect(serveDashboard(router, { address: { host: "127.0.0.1", port }, assets })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}`,
    );
  });

  test("with TLS is answered under the name that the certificate was asked for", async () => {
    const file = (name: string): string =>
      readFileSync(new URL(`../../cli/test/fixtures/localhost.${name}.pem`, import.meta.url), "utf8");
    const tls = { cert: file("cert"), key: file("key") };
    const site = await Site.open({ tls });
    const port = site.dashboard.address.split(":")[1];
    expect(site.dashboard.newLink()).toMatch(/^https:/);
    const statusFor = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const options = { host: "127.0.0.1", port, servername: "localhost", headers: { host }, ca: tls.cert };
        tlsRequest(options, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on("error", reject)
          .end();
      });
    expect(await statusFor(`localhost:${port}`)).toBe(200);
    expect(await statusFor(`evil.example:${port}`)).toBe(403);
  });

  test("is served with options that are known only", async () => {
    const options = { address: loopback, assets, maxPages: 0 };
    await expect(serveDashboard(new FakeRouter(), options)).rejects.toThrow("maxPages must be a whole number");
    const short = { address: loopback, assets, cookieKey: new Uint8Array(8) };
    await expect(serveDashboard(new FakeRouter(), short)).rejects.toThrow("cookieKey has 8 bytes, less than 32");
  });
});
