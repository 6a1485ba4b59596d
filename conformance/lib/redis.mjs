/** A real Redis, which keeps nothing on the disk. */
import { installedByApt } from "./apt.mjs";
import { freePort, startServerAt } from "./child.mjs";

/**
 * @param {string} folder in which it runs
 * @returns {Promise<{ server: import("./child.mjs").RunningServer, port: number }>}
 */
export async function startRedis(folder) {
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const server = await startServerAt(installedByApt("redis-server", "redis-server"), args, { port, cwd: folder });
  return { server, port };
}
