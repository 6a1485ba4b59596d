/** The size of what the bzip2 encoder writes, beside that of the reference (`bzip2 -9` 1.0.8). */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { bzip2 } from "../../src/index.js";

async function compressedSize(data: Uint8Array): Promise<number> {
  const coder = await bzip2().encoder();
  let bytes = 0;
  const drain = async (): Promise<void> => {
    for (let piece = await coder.read(); piece !== undefined; piece = await coder.read()) bytes += piece.length;
  };
  coder.write(data);
  await drain();
  coder.end();
  await drain();
  coder.destroy();
  return bytes;
}

/** Text with the letters and word lengths of English, the same in every run. */
function text(length: number): Buffer {
  const letters =
    "eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddlllluuucccmmmwwwffggyyppbbvk";
  let state = 7;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % below;
  };
  const words = Array.from({ length: 600 }, () =>
    Array.from({ length: 1 + next(4) + next(5) }, () => letters[next(letters.length)]).join(""),
  );
  let all = "";
  while (all.length < length)
    all += `${words[Math.min(next(600), next(600), next(600))]}${next(12) === 0 ? ".\n" : " "}`;
  return Buffer.from(all.slice(0, length));
}

const inputs: Record<string, { readonly data: Buffer; readonly referenceBytes: number }> = {
  "16 KB of text": { data: text(16_384), referenceBytes: 5_579 },
  "200 KB of text": { data: text(200_000), referenceBytes: 50_009 },
  "JSON lines": {
    data: Buffer.from(Array.from({ length: 2_000 }, (_, id) => `{"id":${id},"ok":${id % 3 === 0}}\n`).join("")),
    referenceBytes: 3_311,
  },
};

test.each(Object.keys(inputs))("%s: within 1 %% of the reference", async (name) => {
  const { data, referenceBytes } = inputs[name] as (typeof inputs)[string];
  const reference = spawnSync("bzip2", ["-9", "-c"], { input: data, maxBuffer: 1 << 24 });
  if (reference.status === 0) expect(reference.stdout.length).toBe(referenceBytes);
  expect(await compressedSize(data)).toBeLessThanOrEqual(referenceBytes * 1.01);
});
