/** A real sshd, and a client of it that goes through the command. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installedByApt } from "./apt.mjs";
import { excerpt, freePort, runToEnd, startServerAt } from "./child.mjs";

const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));

/**
 * Starts an sshd with keys of its own in a folder.
 * @param {string} folder
 * @returns {Promise<{ server: import("./child.mjs").RunningServer, port: number, key: string }>}
 */
export async function startSshd(folder) {
  const sshd = installedByApt("sshd", "openssh-server");
  const keygen = installedByApt("ssh-keygen", "openssh-client");
  const key = join(folder, "id");
  const hostKey = join(folder, "host");
  for (const path of [key, hostKey]) {
    const made = await runToEnd(keygen, ["-q", "-t", "ed25519", "-N", "", "-f", path]);
    if (made.code !== 0) throw new Error(excerpt(made));
  }
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const port = await freePort();
  const config = join(folder, "sshd_config");
  writeFileSync(
    config,
    [
      `HostKey ${hostKey}`,
      `AuthorizedKeysFile ${key}.pub`,
      "StrictModes no",
      "PasswordAuthentication no",
      "UsePAM no",
      "PermitRootLogin yes",
      `PidFile ${join(folder, "sshd.pid")}`,
      "ListenAddress 127.0.0.1",
      "Subsystem sftp internal-sftp",
    ].join("\n"),
    { mode: 0o600 },
  );
  return { server: await startServerAt(sshd, ["-D", "-f", config, "-p", String(port)], { port }), port, key };
}

/**
 * Returns the options of an ssh client that has the key of an sshd, and trusts the host key that it is shown.
 * @param {string} folder
 * @param {string} key
 */
export function sshClient(folder, key) {
  const own = [`IdentityFile=${key}`, "IdentitiesOnly=yes", "BatchMode=yes"];
  const trust = ["StrictHostKeyChecking=no", `UserKnownHostsFile=${join(folder, "known")}`, "LogLevel=ERROR"];
  return { options: [...own, ...trust].flatMap((option) => ["-o", option]), user: userInfo().username };
}

/**
 * Returns the options of an ssh client that reaches the sshd by `trunkline connect NAME --stdio`, and its target.
 * @param {string} folder
 * @param {string} key
 * @param {string} name
 */
export function sshThrough(folder, key, name) {
  const proxy = join(folder, "proxy");
  writeFileSync(proxy, `#!/bin/sh\nexec "${process.execPath}" "${main}" connect ${name} --stdio --log-level warn\n`);
  chmodSync(proxy, 0o700);
  const { options, user } = sshClient(folder, key);
  return { options: ["-o", `ProxyCommand=${proxy}`, ...options], target: `${user}@lab` };
}
