/** An exposer whose token is refused. */
import { renameSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";
import { startService } from "./support/services.js";

const keys = ["a key of the first router, long enough", "a key of its successor, long enough too"] as const;

async function tokenOf(lab: InProcessLab, keyFile: string): Promise<string> {
  const run = lab.run(["token", "mint", "board", "--key-file", keyFile]);
  expect(await run.exit, run.stderr).toBe(0);
  return run.stdout;
}

describe("an exposer whose token is refused after a restart of the router", () => {
  async function refused(useFile: boolean) {
    const lab = new InProcessLab();
    const service = await startService();
    const [first, second] = keys.map((key, index) => lab.file(`${index}.key`, key)) as [string, string];
    const tokenFile = lab.file("board.token", await tokenOf(lab, first));
    const { router, endpoint } = await lab.router("--key-file", first);
    const token = await tokenOf(lab, first);
    const args = ["expose", "board", service.target, "--endpoint", endpoint, "--grace", "0", "--json"];
    const expose = useFile
      ? lab.run([...args, "--token-file", tokenFile])
      : lab.run(args, { TRUNKLINE_TOKEN: token.trim() });
    await expose.event("exposed");
    await router.end("SIGTERM");
    await expose.event("router-lost");
    const again = lab.start("router", "--listen", endpoint, "--grace", "0", "--key-file", second);
    await again.event("listening");
    const close = async (): Promise<void> => {
      await lab[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
    };
    return { lab, expose, tokenFile, second, [Symbol.asyncDispose]: close };
  }

  test("says so, and goes on with the token that its file has later", async () => {
    await using run = await refused(true);
    expect(await run.expose.eventOfLook("router-lost")).toMatchObject({
      error: expect.stringContaining("does not accept the token"),
    });
    const fresh = `${run.tokenFile}.new`;
    writeFileSync(fresh, await tokenOf(run.lab, run.second), { mode: 0o600 });
    renameSync(fresh, run.tokenFile);
    expect(await run.expose.eventOfLook("exposed")).toMatchObject({ name: "board" });
  });

  test("ends with 77 where the token is a variable, which nothing can change", async () => {
    await using run = await refused(false);
    expect(await run.expose.exit).toBe(77);
  });
});
