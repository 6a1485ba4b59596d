/**
 * Each attack of the catalogue over a socket: its answer, what is held afterwards, and a neighbour that is served
 * meanwhile.
 */
import { afterEach, describe, expect, it } from "vitest";
import { H2Error } from "../../src/index.js";
import { attacksOnClients, attacksOnServers } from "../../src/testing/index.js";
import { clientUnderAttack, type HostilePeer, mostHeldBytes, serverUnderAttack } from "../support/attack.js";
import { request } from "../support/endpoint.js";
import { heldBytes } from "../support/held-bytes.js";
import { Cleanup } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

async function checkAnswer(
  attacker: HostilePeer,
  { goAway, why, resets }: (typeof attacksOnServers)[number],
): Promise<void> {
  const result = goAway === undefined ? await attacker.settled() : await attacker.ended();
  expect(result.goAway).toBe(goAway);
  if (why !== undefined) expect(result.why).toMatch(why);
  // Each tenth of a second gives one more back.
  if (resets !== undefined) expect(Object.keys(result.resets)).toEqual(Object.keys(resets));
  for (const [code, least] of Object.entries(resets ?? {})) expect(result.resets[code]).toBeGreaterThanOrEqual(least);
}

describe("a server under", () => {
  it.each(attacksOnServers.map((attack) => [attack.title, attack] as const))("%s is unhurt", async (_, attack) => {
    const { attacker, unhurt } = await serverUnderAttack(cleanup);
    await attacker.perform(attack);
    await checkAnswer(attacker, attack);
    await unhurt((attack.mayHoldBytes ?? 0) + mostHeldBytes);
  });
});

describe("a client under", () => {
  it.each(attacksOnClients.map((attack) => [attack.title, attack] as const))("%s is unhurt", async (_, attack) => {
    const { attacker, victim, unhurt } = await clientUnderAttack(cleanup);
    const stream = await victim.request(request, true);
    await attacker.perform(attack);
    await checkAnswer(attacker, attack);
    if (attack.goAway !== undefined) {
      expect(victim.error?.code).toBe(attack.goAway);
      await expect(stream.body()).rejects.toBeInstanceOf(H2Error);
    }
    await unhurt();
  });
});

describe("the measure of what is held", () => {
  it("sees 4 MiB in array buffers, and as many in small objects", () => {
    const before = heldBytes();
    const bytes = Array.from({ length: 64 }, () => new Uint8Array(65_536));
    const withBytes = heldBytes();
    expect(withBytes - before).toBeGreaterThan(3.5 * 2 ** 20);
    const objects = Array.from({ length: 50_000 }, (_, index) => ({ index, text: `x${index}` }));
    expect(heldBytes() - withBytes).toBeGreaterThan(3 * 2 ** 20);
    expect(bytes.length + objects.length).toBe(50_064);
  });
});
