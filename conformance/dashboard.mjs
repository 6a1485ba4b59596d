/**
 * The dashboard in a real browser (Debian's Chromium, by playwright-core), of the built command with real traffic:
 * every view and every action by keyboard, both themes, three widths, axe-core on each view, ten thousand streams, a
 * router that is restarted, and attacks on the page. Screenshots are written into `.cache/dashboard`.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { serveDashboard } from "../packages/dashboard/dist/index.js";
import { launchBrowser, Page } from "./dashboard/browser.mjs";
import { ManyStreams } from "./dashboard/many-streams.mjs";
import { Cases } from "./lib/cases.mjs";
import { freePort } from "./lib/child.mjs";
import { Command, output } from "./lib/command.mjs";

const shots = fileURLToPath(new URL("../.cache/dashboard", import.meta.url));
const caseTimeoutMs = 25_000;
/** The identity of an exposer, which a page must show as text. */
const script = "<svg/onload=alert(1)>";
const views = ["Overview", "Names", "Streams", "Stalls", "Audit", "Router"];

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const { browser, axe } = await launchBrowser();
  const cases = new Cases();
  const lab = new Lab(browser, axe);
  const check = (title, act) => cases.run(title, act, caseTimeoutMs);
  mkdirSync(shots, { recursive: true });
  try {
    await lab.start();
    await check("a link opens the page once, and is gone from the address", () => lab.opens());
    await check("the overview has numbers that agree with /metrics, plots and events", () => lab.overview());
    await check("names are shown as text, whatever is in them", () => lab.showsNamesAsText());
    await check("a stream is found by a filter, opened and left by keyboard", () => lab.findsStream());
    await check("a reader that stops has a verdict with its party within seconds", () => lab.explainsStall());
    await check("a stream is ended by keyboard, and both sides are told why", () => lab.kills());
    await check("a name is evicted by keyboard, and its listener is told", () => lab.evicts());
    await check("events are filtered, and exported as JSON lines", () => lab.audits());
    await check("the router's settings, limits and state are shown", () => lab.showsRouter());
    await check("a link that may only see has no actions", () => lab.onlySees());
    for (const [scheme, width, height] of /** @type {const} */ ([
      ["light", 1_280, 860],
      ["dark", 1_280, 860],
      ["light", 360, 740],
      ["dark", 2_560, 1_300],
    ]))
      await check(`every view passes axe in ${scheme} at ${width} pixels`, () =>
        lab.judgesViews(scheme, width, height),
      );
    await check("forged hosts and origins, and actions by GET, are refused", () => lab.refusesForgeries());
    await check("a thousand event streams leave the page and the router at work", () => lab.standsManyStreams());
    await check("ten thousand streams are filtered, sorted and scrolled at once", () => lab.tenThousand());
    await check("a page goes on after the router was killed and restarted", () => lab.reconnects());
    await check("the router is drained by keyboard, and ends in order", () => lab.drains());
    await check("no page had an error, a dialog, or a request to elsewhere", () => lab.wasQuiet());
  } finally {
    await lab.end();
    await browser.close();
  }
  return cases.counts;
}

class Lab {
  folder = mkdtempSync(join(tmpdir(), "trunkline-dashboard-"));
  env = { HOME: this.folder, XDG_RUNTIME_DIR: this.folder, TMPDIR: this.folder };
  /** @type {Command[]} */
  commands = [];
  /** @type {Page[]} */
  pages = [];
  /** @type {import("node:net").Socket[]} */
  sockets = [];
  /** @type {(() => unknown)[]} */
  ends = [];
  /** @type {any} */
  router;
  /** @type {Page} */
  page;
  origin = "";
  metrics = "";

  /** @param {any} browser @param {string} axe */
  constructor(browser, axe) {
    this.browser = browser;
    this.axe = axe;
  }

  async start() {
    writeFileSync(join(this.folder, "router.key"), "a key of at least thirty-two bytes!", { mode: 0o600 });
    this.port = await freePort();
    this.dashboardPort = await freePort();
    await this.startRouter();
    this.echo = await this.service((socket) => socket.pipe(socket));
    this.flood = await this.service((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      };
      socket.on("drain", more);
      more();
    });
    await Promise.all([this.expose("echo", this.echo), this.expose("flood", this.flood)]);
    // A name has letters only; an identity is what the maker of a token says, and the same text as any other.
    const token = await output(["token", "mint", script, "--key-file", join(this.folder, "router.key")], this.env);
    const tokenFile = join(this.folder, "script.token");
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const access = ["--endpoint", `127.0.0.1:${this.port}`, "--token-file", tokenFile];
    this.scripted = await this.expose("script", this.echo, ...access);
  }

  async startRouter() {
    const files = ["--key-file", join(this.folder, "router.key")];
    const ports = ["--listen", `127.0.0.1:${this.port}`, "--dashboard", String(this.dashboardPort), "--metrics", "0"];
    this.router = this.command("router", ...files, ...ports, "--grace", "1s");
    this.metrics = /** @type {any} */ (await this.router.event("listening")).metrics;
    this.link = /** @type {any} */ (await this.router.event("dashboard")).url;
    this.origin = new URL(this.link).origin;
  }

  /** @param {...string} args */
  command(...args) {
    const command = new Command(args, this.env);
    this.commands.push(command);
    return command;
  }

  /** @param {(socket: import("node:net").Socket) => unknown} serve @returns {Promise<number>} its port */
  async service(serve) {
    const server = createServer((socket) => {
      this.sockets.push(socket);
      socket.on("error", () => {});
      serve(socket);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    this.ends.push(() => server.close());
    return /** @type {import("node:net").AddressInfo} */ (server.address()).port;
  }

  /** @param {string} name @param {number | undefined} port @param {...string} options */
  async expose(name, port, ...options) {
    const expose = this.command("expose", name, String(port), "--grace", "0", ...options);
    await expose.event("exposed");
    return expose;
  }

  /** Connects to a name, and returns the socket. @param {string} name @param {...string} options */
  async dial(name, ...options) {
    const command = this.command("connect", name, "--listen", "0", "--grace", "0", ...options);
    const { port } = /** @type {any} */ (await command.event("listening"));
    const socket = connect(port, "127.0.0.1");
    this.sockets.push(socket);
    socket.on("error", () => {});
    socket.resume();
    return { socket, command };
  }

  /** Opens a page. @param {{ link?: string, options?: object }} [how] */
  async open({ link, options = {} } = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1_280, height: 860 }, ...options });
    if (link === undefined) await context.addCookies(await this.cookies());
    const url = link ?? this.origin;
    const page = new Page(await context.newPage(), new URL(url).origin, this.axe);
    this.pages.push(page);
    await page.page.goto(url);
    return page;
  }

  async cookies() {
    return this.page.page.context().cookies();
  }

  async end() {
    for (const socket of this.sockets) socket.destroy();
    for (const end of this.ends) await end();
    await Promise.all(this.commands.map((command) => command.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @param {Page} page @param {string} name */
  async shoot(page, name) {
    await page.page.screenshot({ path: join(shots, `${name}.png`) });
  }

  async opens() {
    this.page = await this.open({ link: this.link });
    await this.page.see(".badge", "serving");
    assert.equal(this.page.page.url(), `${this.origin}/`);
    assert.equal(await this.page.page.evaluate("document.cookie"), "");
    const second = await this.open({ link: this.link });
    await second.see("main", "This link is no longer good");
    await second.judge("the page without a right");
    await second.page.context().close();
  }

  async overview() {
    this.steady = await this.dial("echo");
    for (let round = 0; round < 10; round += 1) this.steady.socket.write(Buffer.alloc(100_000));
    await this.page.see(".figure", /Live streams\s*1/);
    await this.page.see(".events", "paired");
    await sleep(2_500); // the last bytes have come, and were told
    const text = await (await fetch(`http://${this.metrics}/metrics`)).text();
    const bytes = Number(/^trunkline_bytes_total (\d+)$/m.exec(text)?.[1]);
    const shown = await this.page.page.evaluate(() =>
      [...document.querySelectorAll(".figure small")].map(({ textContent }) => textContent ?? ""),
    );
    const sum = shown
      .map((each) => /^([\d.]+) (B|kB|MB) in all$/.exec(each))
      .reduce(
        (total, found) => total + (found === null ? 0 : Number(found[1]) * { B: 1, kB: 1e3, MB: 1e6 }[found[2]]),
        0,
      );
    assert.ok(Math.abs(sum - bytes) <= bytes * 0.02, `${sum} bytes on the page, ${bytes} in /metrics`);
    await this.page.page.locator(".plot canvas").nth(5).waitFor();
    const summary = await this.page.page.locator(".plot [role=img]").first().getAttribute("aria-label");
    assert.match(String(summary), /^Bytes: to diallers: now .+; to listeners: now /);
  }

  async showsNamesAsText() {
    await this.page.show(2, "Names");
    await this.page.see(".row", script);
    assert.equal(await this.page.page.locator("#page svg").count(), 0);
  }

  async findsStream() {
    const { page } = this;
    await page.show(3, "Streams");
    await page.see(".row", "echo");
    await page.press("/");
    await page.page.keyboard.type("nothing like this");
    await page.see(".empty", "Nothing matches");
    await page.press("/", "Control+a");
    await page.page.keyboard.type("echo live");
    await page.see(".count", /^1/);
    await page.press("Enter", "j", "Enter");
    await page.see(".story h2", "echo");
    await page.see(".timeline", "paired");
    await page.see(".facts", "local");
    await sleep(3_000); // the plot has some points
    await this.shoot(page, "story");
    await page.press("Escape");
    await page.see(".row", "echo");
  }

  async explainsStall() {
    // The credit of a stream that can be resumed is a matter of its two ends, which the router does not see.
    const { socket } = await this.dial("flood", "--resume", "0");
    socket.pause();
    const { page } = this;
    await page.show(4, "Stalls");
    const row = await page.see(".row", "flood");
    assert.match(await row.textContent(), /The dialler local \(127\.0\.0\.1:\d+\) has given no credit for more bytes/);
    await this.shoot(page, "stalls");
    await page.press("j", "Enter");
    await page.see(".verdicts .stall", /does not read/);
  }

  async kills() {
    const { page } = this;
    const closed = new Promise((resolve) => this.steady.socket.once("close", resolve));
    await page.show(3, "Streams");
    await page.press("/");
    await page.page.keyboard.type("echo");
    await page.see(".count", /^1 of 2/);
    await page.press("Escape", "j", "x");
    await page.see("dialog", "never resumed");
    await page.judge("the confirmation");
    await this.shoot(page, "kill");
    await page.press("Escape");
    await page.page.locator("dialog").waitFor({ state: "detached" });
    await page.press("x");
    await page.page.keyboard.type("the judge says so");
    await page.press("Enter");
    await page.see("[role=status]", "was ended");
    await closed;
    const event = /** @type {any} */ (await this.router.event("router-killed"));
    assert.equal(event.reason, "the judge says so");
    assert.match(event.operator, /^the dashboard at 127\.0\.0\.1:/);
    const lost = /** @type {any} */ (await this.steady.command.event("connection-closed"));
    assert.match(lost.error, /the judge says so/);
  }

  async evicts() {
    const { page } = this;
    await page.show(2, "Names");
    await page.press("/");
    await page.page.keyboard.type("onload");
    await page.see(".count", /^1 of/);
    await page.press("Enter", "j", "x");
    const dialog = await page.see("dialog", script);
    assert.equal(await dialog.locator("svg").count(), 0);
    await page.page.keyboard.type("moved");
    await page.press("Tab", "Space", "Enter");
    await page.see("[role=status]", /was evicted; 0 streams ended/);
    await page.see(".empty", "Nothing matches");
    await this.scripted?.ended;
    assert.match(String(this.scripted?.text), /an operator has taken the name away: moved/);
  }

  async audits() {
    const { page } = this;
    await page.show(5, "Audit");
    await page.page.locator("select").selectOption("killed");
    await page.see(".row", "the judge says so");
    const [download] = await Promise.all([
      page.page.waitForEvent("download"),
      page.page.getByRole("button", { name: "Export" }).press("Enter"),
    ]);
    const file = join(this.folder, "events.jsonl");
    await download.saveAs(file);
    const lines = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ name }) => name),
      ["killed"],
    );
    assert.match(download.suggestedFilename(), /\.jsonl$/);
    await this.shoot(page, "audit");
  }

  async showsRouter() {
    const { page } = this;
    await page.show(6, "Router");
    await page.see("tr", /keyFile.*router\.key.*--key-file/);
    await page.see(".limits", "maxListeners");
    await page.press("?");
    await page.see("dialog", "end the stream, or evict the name");
    await page.judge("the help");
    await page.press("Escape");
    assert.ok(!(await page.page.content()).includes("thirty-two"), "the key is shown");
  }

  async onlySees() {
    const dashboard = await serveDashboard(new ManyStreams(3), { address: { host: "127.0.0.1", port: 0 } });
    try {
      const page = await this.open({ link: dashboard.newLink("see") });
      await page.show(3, "Streams");
      await page.see(".row", "lab/board-1");
      await page.press("j", "x");
      await page.see("[role=status]", "may see, and not act");
      await page.show(6, "Router");
      assert.ok(await page.page.getByRole("button", { name: "Drain" }).isDisabled());
      await page.page.context().close();
    } finally {
      await dashboard[Symbol.asyncDispose]();
    }
  }

  /** @param {"light" | "dark"} colorScheme @param {number} width @param {number} height */
  async judgesViews(colorScheme, width, height) {
    const page = await this.open({ options: { colorScheme, viewport: { width, height } } });
    await page.see(".badge", "serving");
    assert.equal(await page.page.evaluate("document.documentElement.dataset.theme"), colorScheme);
    for (const [index, title] of views.entries()) {
      await page.show(index + 1, title);
      if (title === "Streams") await page.see(".row", "flood");
      await page.judge(`${title} in ${colorScheme} at ${width}`);
      await this.shoot(page, `${title.toLowerCase()}-${colorScheme}-${width}`);
    }
    await page.show(3, "Streams");
    await page.press("j", "Enter");
    await page.see(".story h2", "flood");
    await page.judge(`a stream in ${colorScheme} at ${width}`);
    await page.page.context().close();
  }

  /** @returns {Promise<number | undefined>} */
  ask(path, { method = "GET", headers = {}, body = "" } = {}) {
    return new Promise((resolve, reject) => {
      const asked = request(this.origin + path, { method, headers }, (response) => {
        response.destroy();
        resolve(response.statusCode);
      });
      asked.on("error", reject);
      asked.end(body);
    });
  }

  async refusesForgeries() {
    const [{ name, value }] = await this.cookies();
    const cookie = `${name}=${value}`;
    const port = new URL(this.origin).port;
    const json = { "content-type": "application/json" };
    assert.equal(await this.ask("/"), 200);
    for (const host of [`evil.example:${port}`, "127.0.0.1", `localhost.evil.example:${port}`, "127.0.0.1:80"])
      assert.equal(await this.ask("/", { headers: { host } }), 403, host);
    for (const origin of ["http://evil.example", "null", `http://localhost:${port}`, `https://127.0.0.1:${port}`])
      assert.equal(
        await this.ask("/api/drain", { method: "POST", headers: { ...json, cookie, origin }, body: "{}" }),
        403,
        origin,
      );
    assert.equal(await this.ask("/api/drain", { headers: { cookie } }), 405);
    assert.equal(await this.ask("/api/drain", { method: "POST", headers: { ...json, origin: this.origin } }), 401);
    // A page of another origin, in the same browser: its requests carry no cookie, and it reads nothing.
    const other = await this.service((socket) => {
      socket.once("data", () =>
        socket.end("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nhello"),
      );
    });
    const evil = await this.page.page.context().newPage();
    await evil.goto(`http://localhost:${other}/`);
    const outcome = await evil.evaluate(async (target) => {
      const answers = [];
      for (const path of ["/api/events", "/api/drain"])
        for (const method of ["GET", "POST"])
          answers.push(
            await fetch(target + path, { method, credentials: "include" }).then(
              () => "read",
              () => "blocked",
            ),
          );
      return answers;
    }, this.origin);
    assert.deepEqual(new Set(outcome), new Set(["blocked"]));
    await evil.close();
  }

  async standsManyStreams() {
    const [{ name, value }] = await this.cookies();
    const headers = { cookie: `${name}=${value}` };
    const statuses = new Map();
    const asked = [];
    await Promise.all(
      Array.from(
        { length: 1_000 },
        () =>
          new Promise((resolve) => {
            const stream = request(`${this.origin}/api/events`, { headers, agent: false }, (response) => {
              response.on("error", () => {});
              statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1);
              resolve(undefined);
            });
            stream.on("error", () => resolve(undefined));
            asked.push(stream);
            stream.end();
          }),
      ),
    );
    assert.ok((statuses.get(200) ?? 0) < 16, `${statuses.get(200)} streams were opened`);
    const { pid } = /** @type {any} */ (this.router.all("listening")[0]);
    const residentBytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
    assert.ok(residentBytes < 400e6, `${residentBytes} bytes`);
    for (const each of asked) each.destroy();
    await this.page.show(1, "Overview");
    await this.page.see(".badge", "serving");
    const { socket } = await this.dial("echo");
    socket.write("still here");
    await new Promise((resolve) => socket.once("data", resolve));
  }

  async tenThousand() {
    const dashboard = await serveDashboard(new ManyStreams(10_000), { address: { host: "127.0.0.1", port: 0 } });
    try {
      const page = await this.open({ link: dashboard.newLink() });
      await page.show(3, "Streams");
      await page.see(".count", /^10,000$/);
      assert.ok((await page.page.locator(".row").count()) < 80);
      /** @param {string} what @param {() => Promise<unknown>} act */
      const timed = async (what, act) => {
        const begun = performance.now();
        await act();
        const ms = Math.round(performance.now() - begun);
        assert.ok(ms < 1_500, `${what} took ${ms} ms`);
        return ms;
      };
      await page.press("/");
      const filtering = await timed("filtering", async () => {
        await page.page.keyboard.type("user-77 board-8");
        await page.see(".count", /^\d+ of 10,000$/);
      });
      await page.press("Control+a", "Backspace", "Enter");
      await page.see(".count", /^10,000$/);
      const sorting = await timed("sorting", async () => {
        await page.page.getByRole("button", { name: "Dialler", exact: false }).first().press("Enter");
        await page.page.locator("[role=columnheader][aria-sort=ascending]").first().waitFor();
      });
      await page.page.locator("[role=grid]").focus();
      const scrolling = await timed("going to the end", async () => {
        await page.press("End");
        await page.page.locator(".row[aria-selected=true][aria-rowindex='10001']").waitFor();
      });
      console.log(`        10,000 streams: filter ${filtering} ms, sort ${sorting} ms, end ${scrolling} ms`);
      await this.shoot(page, "ten-thousand");
      await page.judge("ten thousand streams");
      await page.page.context().close();
    } finally {
      await dashboard[Symbol.asyncDispose]();
    }
  }

  async reconnects() {
    const { page } = this;
    await page.show(2, "Names");
    await this.router.stop();
    await page.see("[role=alert]", /Stale since/);
    await this.shoot(page, "stale");
    await this.startRouter();
    await page.see(".badge", "serving");
    await page.page.locator("[role=alert]").waitFor({ state: "detached" });
    await page.see(".row", "flood");
  }

  async drains() {
    const { page } = this;
    await page.show(6, "Router");
    const button = page.page.getByRole("button", { name: "Drain" });
    await button.focus();
    await page.press("Enter");
    await page.see("dialog", "This cannot be taken back");
    await page.press("Tab", "Enter");
    await this.router.ended;
    assert.equal(this.router.all("router-drain-requested").length, 1);
    assert.equal(this.router.all("summary").length, 1);
  }

  wasQuiet() {
    assert.deepEqual(
      this.pages.flatMap(({ troubles }) => troubles),
      [],
    );
  }
}
