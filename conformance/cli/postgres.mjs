/** A real PostgreSQL behind a name: its own clients, and its own load beside the direct way. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installedByApt } from "../lib/apt.mjs";
import { freePort, mustRun, runToEnd, startServerAt } from "../lib/child.mjs";

const versions = "/usr/lib/postgresql";
const timeoutMs = 60_000;
/** The user that the server has may not read the folder of the judge. */
const inRoot = { timeoutMs, cwd: "/" };

/**
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {{ keep: Function, expose(name: string, target: number): Promise<void>, connect(name: string): Promise<number>
 * }} lab
 * @param {{ seconds: number }} options `seconds`: the time of each load
 */
export async function usePostgres(cases, lab, { seconds }) {
  const psql = installedByApt("psql", "postgresql");
  const pgbench = installedByApt("pgbench", "postgresql");
  const { port, server } = await startPostgres();
  lab.keep(server);
  await lab.expose("lab/db", port);
  const tunnel = await lab.connect("lab/db");
  const at = (there) => ["-h", "127.0.0.1", "-p", String(there), "-U", "trunkline"];

  await cases.run("psql: a query of 100,000 rows, and an error that is the server's", async () => {
    const rows = "select i, repeat(md5(i::text), 4) from generate_series(1, 100000) i";
    const [direct, through] = await Promise.all(
      [port, tunnel].map((there) => mustRun(psql, [...at(there), "-qAt", "-c", rows, "postgres"], inRoot)),
    );
    assert.equal(through.stdout.length, direct.stdout.length);
    assert.ok(through.stdout.equals(direct.stdout));
    const wrong = await runToEnd(psql, [...at(tunnel), "-c", "select nothing", "postgres"], { timeoutMs });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /column "nothing" does not exist/);
  });
  await mustRun(pgbench, [...at(port), "-i", "-q", "-s", "1", "postgres"], inRoot);
  await cases.run("pgbench: 20 clients, no transaction fails", async () => {
    const rate = async (there) => {
      const load = ["-n", "-S", "-c", "20", "-j", "2", "-T", String(seconds)];
      const { stdout } = await mustRun(pgbench, [...at(there), ...load, "postgres"], inRoot);
      assert.match(stdout.toString(), /number of failed transactions: 0 /);
      return Number(/tps = ([\d.]+)/.exec(stdout.toString())?.[1]);
    };
    const [direct, through] = [await rate(port), await rate(tunnel)];
    const share = ((100 * through) / direct).toFixed(0);
    console.log(`        ${through.toFixed(0)} transactions a second, ${share} % of the direct way`);
  });
}

/** Starts a server with a folder of its own, as the user that its package has made: it refuses to be run by root. */
async function startPostgres() {
  const [version] = readdirSync(versions).sort((left, right) => Number(right) - Number(left));
  const bin = join(versions, version, "bin");
  const folder = mkdtempSync(join(tmpdir(), "trunkline-postgres-"));
  chmodSync(folder, 0o777);
  const isRoot = process.getuid?.() === 0;
  const asUser = (program, ...args) =>
    isRoot ? ["runuser", "-u", "postgres", "--", program, ...args] : [program, ...args];
  const data = join(folder, "data");
  const [init, ...initArgs] = asUser(join(bin, "initdb"), "-D", data, "-U", "trunkline", "-A", "trust", "--no-sync");
  await mustRun(init, initArgs, inRoot);
  const port = await freePort();
  const settings = ["-h", "127.0.0.1", "-p", String(port), "-k", folder, "-F"];
  const [program, ...args] = asUser(join(bin, "postgres"), "-D", data, ...settings);
  const server = await startServerAt(program, args, { port, cwd: folder, quiet: true });
  return {
    port,
    server: {
      async stop() {
        const [stopper, ...words] = asUser(join(bin, "pg_ctl"), "stop", "-D", data, "-m", "immediate");
        await runToEnd(stopper, words, { timeoutMs });
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    },
  };
}
