import { describe, expect, it } from "vitest";
import { type Arrival, Rendezvous, type RendezvousLimits } from "../src/rendezvous.js";

const limits: RendezvousLimits = {
  maxWaitMs: 1_000,
  maxWaitingPeers: 2,
  maxRememberedStreams: 10,
  refuseThirdPeer: false,
};
const arrival = (more: Partial<Arrival> = {}): Arrival => ({ stream: "s", tokenUntilMs: 60_000, ...more });
const listening = arrival({ role: "listen", tokenId: "l", peerId: "1" });
const dialling = arrival({ role: "dial", tokenId: "d", peerId: "2" });

describe("the pairing table", () => {
  it("lets the first wait and joins the second to it, and then the name is free again", () => {
    const table = new Rendezvous<string>(limits);
    expect(table.arrive("a", arrival(), 0)).toEqual({ kind: "wait", untilMs: 1_000, replaced: undefined });
    expect(table.arrive("b", arrival(), 1)).toEqual({ kind: "pair", first: "a" });
    expect(table.arrive("c", arrival(), 2)).toMatchObject({ kind: "wait" });
    expect(table.waitingPeers).toBe(1);
  });

  it("ends a wait at its limit, or with the token, whichever comes first", () => {
    const table = new Rendezvous<string>(limits);
    table.arrive("a", arrival(), 0);
    table.arrive("b", arrival({ stream: "t", tokenUntilMs: 300 }), 0);
    expect(table.nextExpiryMs).toBe(300);
    expect(table.expire(299)).toEqual([]);
    expect(table.expire(300)).toEqual(["b"]);
    expect(table.expire(1_000)).toEqual(["a"]);
    expect(table.waitingPeers).toBe(0);
  });

  it("forgets a first peer that withdraws", () => {
    const table = new Rendezvous<string>(limits);
    table.arrive("a", arrival(), 0);
    expect(table.withdraw("s", "a")).toBe(true);
    expect(table.withdraw("s", "a")).toBe(false);
    expect(table.arrive("b", arrival(), 1)).toMatchObject({ kind: "wait" });
  });

  it("never joins a peer that tries again to its own stale half", () => {
    const table = new Rendezvous<string>(limits);
    table.arrive("old", arrival({ peerId: "1" }), 0);
    expect(table.arrive("new", arrival({ peerId: "1" }), 1)).toMatchObject({ kind: "wait", replaced: "old" });
    expect(table.arrive("other", arrival({ peerId: "2" }), 2)).toEqual({ kind: "pair", first: "new" });
  });

  it("refuses two equal roles, and always a third peer where tokens have roles", () => {
    const table = new Rendezvous<string>(limits);
    table.arrive("a", listening, 0);
    expect(table.arrive("x", { ...listening, tokenId: "l2", peerId: "9" }, 1)).toMatchObject({ kind: "refuse" });
    expect(table.arrive("b", dialling, 2)).toEqual({ kind: "pair", first: "a" });
    expect(table.arrive("c", { ...dialling, peerId: "3" }, 3)).toMatchObject({ kind: "refuse" });
  });

  it("refuses a third peer without a role only where that is asked for, and only while the pair lives", () => {
    const table = new Rendezvous<string>({ ...limits, refuseThirdPeer: true });
    table.arrive("a", arrival(), 0);
    table.arrive("b", arrival(), 0);
    expect(table.arrive("c", arrival(), 1)).toEqual({ kind: "refuse", because: "third-peer" });
    table.pairClosed("s");
    expect(table.arrive("c", arrival(), 2)).toMatchObject({ kind: "wait" });
  });

  it("bounds how many may wait", () => {
    const table = new Rendezvous<string>(limits);
    for (const stream of ["1", "2"]) table.arrive(stream, arrival({ stream }), 0);
    expect(table.arrive("3", arrival({ stream: "3" }), 0)).toEqual({ kind: "refuse", because: "too-many-waiting" });
  });

  it("remembers the streams of exchange tokens, maxRememberedStreams at most, until their tokens expire", () => {
    const table = new Rendezvous<string>({ ...limits, maxWaitingPeers: 100, maxRememberedStreams: 2 });
    table.arrive("a", { ...listening, stream: "1", tokenUntilMs: 500 }, 0);
    table.arrive("b", { ...dialling, stream: "1", tokenUntilMs: 700 }, 0);
    table.arrive("c", { ...listening, stream: "2", tokenUntilMs: 900 }, 0);
    expect(table.rememberedStreams).toBe(2);
    const refused = { kind: "refuse", because: "too-many-streams" };
    expect(table.arrive("d", { ...listening, stream: "3" }, 0)).toEqual(refused);
    // Its other side makes no new stream, and one without a role is not remembered.
    expect(table.arrive("e", { ...dialling, stream: "2", tokenUntilMs: 900 }, 0)).toMatchObject({ kind: "pair" });
    expect(table.arrive("f", arrival({ stream: "plain" }), 0)).toMatchObject({ kind: "wait" });
    // Kept until the later of both tokens has expired.
    expect(table.arrive("g", { ...listening, stream: "3" }, 699)).toEqual(refused);
    expect(table.arrive("h", { ...listening, stream: "3" }, 700)).toMatchObject({ kind: "wait" });
    expect(table.rememberedStreams).toBe(2);
  });

  it("refuses a token that another peer has used, also after the pair has ended", () => {
    const table = new Rendezvous<string>(limits);
    table.arrive("a", listening, 0);
    expect(table.arrive("x", { ...listening, peerId: "9" }, 1)).toEqual({ kind: "refuse", because: "token-used" });
    table.arrive("b", dialling, 2);
    table.pairClosed("s");
    expect(table.arrive("c", { ...dialling, peerId: "3" }, 3)).toEqual({ kind: "refuse", because: "third-peer" });
  });
});
