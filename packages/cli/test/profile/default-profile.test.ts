/** The default profile: it holds where nothing else says where the router is. */
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "../support/lab.js";
import { startService } from "../support/services.js";

const nowhere = "127.0.0.1:1";

/** A lab with a router that this machine's file leads to, and a file of profiles. */
async function labWith(profiles: string): Promise<{ lab: InProcessLab; endpoint: string }> {
  const lab = new InProcessLab();
  const { endpoint } = await lab.router();
  mkdirSync(`${lab.folder}/.config/trunkline`, { recursive: true });
  writeFileSync(`${lab.folder}/.config/trunkline/config.yaml`, profiles);
  return { lab, endpoint };
}

const leadingTo = (endpoint: string): string =>
  `default: lab\nprofiles: {lab: {endpoint: "${endpoint}", tokenFile: token}, other: {}}`;

describe("the default profile", () => {
  test("says where the router is, before the router of this machine", async () => {
    const { lab } = await labWith(leadingTo(nowhere));
    await using _ = lab;
    const mint = lab.run(["token", "mint", "me", "--key-file", lab.file("key", "k".repeat(32))]);
    await mint.exit;
    lab.file(".config/trunkline/token", mint.stdout);
    const lost = lab.run(["ls"]);
    expect(await lost.exit).toBe(69);
    expect(lost.stderr).toContain(nowhere);
    expect(await lab.run(["ls", "--profile", "other"]).exit).toBe(0);
  });

  test("yields to --endpoint and to TRUNKLINE_ENDPOINT", async () => {
    const { lab, endpoint } = await labWith(leadingTo(nowhere));
    await using _ = lab;
    expect(await lab.run(["ls", "--endpoint", endpoint]).exit).toBe(0);
    expect(await lab.run(["ls"], { TRUNKLINE_ENDPOINT: endpoint }).exit).toBe(0);
  });

  test("is none where the file names none, and a file with mistakes is one for every command", async () => {
    const { lab } = await labWith(`profiles: {lab: {endpoint: "${nowhere}"}}`);
    await using _ = lab;
    expect(await lab.run(["ls"]).exit).toBe(0);
    writeFileSync(`${lab.folder}/.config/trunkline/config.yaml`, "default: lab\nprofiles: {}");
    const broken = lab.run(["ls"]);
    expect(await broken.exit).toBe(66);
    expect(broken.stderr).toContain("config.yaml");
  });

  test("leaves a call to an address, and measurements that are served, as they are", async () => {
    const { lab } = await labWith("default: lab\nprofiles: 3");
    await using _ = lab;
    await using service = await startService((socket) => socket.destroy());
    const call = lab.run(["call", service.target, "--list", "--timeout", "1s"]);
    await call.exit;
    expect(call.stderr).not.toContain("config.yaml");
    const bench = lab.start("bench", "--serve", "127.0.0.1:0");
    await bench.event("listening");
  });
});
