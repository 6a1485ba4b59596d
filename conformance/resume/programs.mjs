/** Programs as users run them, through a tunnel whose router is killed ten times: they notice nothing. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installedByApt } from "../lib/apt.mjs";
import { excerpt, runToEnd } from "../lib/child.mjs";
import { sshThrough, startSshd } from "../lib/sshd.mjs";

const kills = 10;
const timeoutMs = 300_000;

/**
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {import("./lab.mjs").ResumeLab} lab
 * @param {boolean} full
 */
export async function usePrograms(cases, lab, full) {
  const ssh = installedByApt("ssh", "openssh-client");
  const curl = installedByApt("curl", "curl");
  const { server, port, key } = await startSshd(lab.folder);
  const site = await Site.start(full ? 2_000_000_000 : 60_000_000);
  try {
    await lab.command("expose", "lab/ssh", String(port)).event("exposed");
    await lab.command("expose", "lab/site", String(site.port)).event("exposed");
    const { port: sitePort } = /** @type {any} */ (
      await lab.command("connect", "lab/site", "--listen", "0").event("listening")
    );
    const { options, target } = sshThrough(lab.folder, key, "lab/ssh");
    const words = "for i in $(seq 100); do echo line $i; sleep 0.2; done; exit 3";
    const env = { ...process.env, ...lab.env };
    const session = runToEnd(ssh, [...options, target, words], { env, timeoutMs });
    const path = join(lab.folder, "download");
    const download = runToEnd(curl, ["-sS", "-o", path, `http://127.0.0.1:${sitePort}/`], { timeoutMs });
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(1_500);
      await lab.router.stop();
      await lab.startRouter();
    }
    await cases.run(`ssh: a session of 20 s goes on over ${kills} kills of its router`, async () => {
      const result = await session;
      assert.equal(result.code, 3, excerpt(result));
      assert.equal(result.stderr, "");
      const lines = Array.from({ length: 100 }, (_, index) => `line ${index + 1}`);
      assert.deepEqual(result.stdout.toString().trim().split("\n"), lines);
    });
    await cases.run(`curl: a download of ${site.bytes} bytes goes on over ${kills} kills of its router`, async () => {
      const result = await download;
      assert.equal(result.code, 0, excerpt(result));
      assert.equal(site.requests, 1, "it was asked for more than once");
      assert.equal(createHash("sha256").update(readFileSync(path)).digest("hex"), site.sum);
    });
  } finally {
    site.close();
    await server.stop();
  }
}

/** A site with one file, which it sends within some 20 s. */
class Site {
  port = 0;
  requests = 0;
  sum = "";
  #server;

  /** @param {number} bytes @returns {Promise<Site>} */
  static async start(bytes) {
    const site = new Site(bytes);
    await new Promise((resolve) => site.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
    site.port = site.#server.address().port;
    return site;
  }

  /** @param {number} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.#server = createServer((_, response) => {
      this.requests += 1;
      response.writeHead(200, { "content-length": bytes });
      this.#send(response).catch(() => response.destroy());
    });
  }

  /** @param {import("node:http").ServerResponse} response */
  async #send(response) {
    const hash = createHash("sha256");
    const pieceBytes = Math.ceil(this.bytes / 1_000);
    for (let left = this.bytes, piece = 0; left > 0; left -= pieceBytes, piece += 1) {
      const content = Buffer.alloc(Math.min(left, pieceBytes), `piece ${piece} `);
      hash.update(content);
      if (!response.write(content)) await once(response, "drain");
      await sleep(15);
    }
    this.sum = hash.digest("hex");
    response.end();
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
