/** Makes a folder and those above it. */
import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Makes the folder where it is missing, with the missing ones above it, all with the mode. Node's own recursive form
 * never ends in a file system that takes no folders, such as `/proc`.
 * @throws the system's error where one of them cannot be made; its `path` is that of the folder
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await isFolder(at)); at = dirname(at)) missing.push(at);
  for (const each of missing.reverse()) {
    try {
      await mkdir(each, { mode });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // What is above it is there by now, so that nothing is missing but the ability.
      if (code === "ENOENT") throw failure(each, "ENOTSUP", `the file system of ${dirname(each)} takes no folders`);
      // Another process may have made it in the meantime.
      if (code !== "EEXIST" || !(await isFolder(each))) throw error;
    }
  }
}

/** @throws the system's error for a path that cannot be looked at, or that has something else than folders in it */
async function isFolder(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (error) {
    // The root is always there, or there is nowhere to begin.
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && dirname(path) !== path) return false;
    throw error;
  }
  throw failure(path, "ENOTDIR", `${path} is no folder`);
}

function failure(path: string, code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code, syscall: "mkdir", path });
}
