/** A router with a policy: who may do what, and what ends when the policy changes. Times are virtual. */
import { createClient, Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { ExchangeService } from "../../src/gen/trunkline/v1/exchange_pb.js";
import type { ListenerState, RouterPolicy, RouterStream, Trunkline } from "../../src/index.js";
import {
  advance,
  bytes,
  epochMs,
  jwt,
  rejection,
  settle,
  streamClaims,
  testRouter,
  text,
  until,
} from "../support/router.js";

const policy: RouterPolicy = {
  rules: [
    { identities: ["board-*"], listen: ["{identity}", "{identity}/*"], maxListeners: 2 },
    { identities: ["user"], dial: ["board-*"], maxStreams: 2 },
    { identities: ["admin"], listen: ["*"], dial: ["*"] },
  ],
};

/** A router with the policy, on a virtual clock. */
const router = (more: object = {}) => testRouter({ clock: new VirtualClock(), policy, ...more });

/** Opens a stream from one client to another, and sends a word each way. */
async function joined(listening: Trunkline, dialling: Trunkline, name: string): Promise<[RouterStream, RouterStream]> {
  await using listener = await listening.listen(name);
  const [there, here] = await Promise.all([listener.accept(), dialling.dial(name)]);
  if (there === undefined) throw new Error("the listener has ended");
  await here.send(bytes("ping"));
  expect(text(await there.receive())).toBe("ping");
  await there.send(bytes("pong"));
  expect(text(await here.receive())).toBe("pong");
  return [there, here];
}

describe("a policy", () => {
  it("lets an identity listen under the names of its rule, and refuses others by name", async () => {
    await using test = router();
    const board = await test.client("board-7");
    await board.listen("board-7");
    await board.listen("board-7/console");
    const error = await rejection(board.listen("board-8"));
    expect(error).toMatchObject({ status: Status.PERMISSION_DENIED });
    expect(error.message).toContain('the policy does not let the identity "board-7" listen under "board-8"');
    expect(test.events.filter(({ kind }) => kind === "refused")).toHaveLength(1);
  });

  it("lets an identity dial the names of its rule, and refuses others whether they exist or not", async () => {
    await using test = router();
    const admin = await test.client("admin");
    await admin.listen("secret");
    const user = await test.client("user");
    await joined(await test.client("board-7"), user, "board-7");
    const hidden = await rejection(user.dial("secret"));
    const missing = await rejection(user.dial("nothing"));
    expect(hidden).toMatchObject({ status: Status.PERMISSION_DENIED });
    expect(hidden.message.replace("secret", "nothing")).toBe(missing.message);
    expect(await rejection(user.dial("board-9"))).toMatchObject({ status: Status.NOT_FOUND });
  });

  it("gives nothing to an identity without a rule", async () => {
    await using test = router();
    await (await test.client("admin")).listen("web");
    const stranger = await test.client("stranger");
    expect(await rejection(stranger.listen("web2"))).toMatchObject({ status: Status.PERMISSION_DENIED });
    expect(await rejection(stranger.dial("web"))).toMatchObject({ status: Status.PERMISSION_DENIED });
    expect(await stranger.list()).toEqual([]);
  });

  it("lets an identity see the names that it may dial or listen under", async () => {
    await using test = router();
    const admin = await test.client("admin");
    for (const name of ["board-1", "board-2", "secret"]) await admin.listen(name);
    const seen = async (identity: string) => (await (await test.client(identity)).list()).map(({ name }) => name);
    expect(await seen("user")).toEqual(["board-1", "board-2"]);
    expect(await seen("board-2")).toEqual(["board-2"]);
    expect(await seen("admin")).toEqual(["board-1", "board-2", "secret"]);
  });

  it("bounds the names of an identity, which may take its own again", async () => {
    await using test = router();
    const board = await test.client("board-7");
    const first = await board.listen("board-7");
    await board.listen("board-7/a");
    const error = await rejection(board.listen("board-7/b"));
    expect(error).toMatchObject({ status: Status.RESOURCE_EXHAUSTED });
    expect(error.message).toContain("maxListeners, 2");
    await board.listen("board-7/a");
    await (await test.client("board-8")).listen("board-8");
    await first.close();
    await until(() => test.router.stats.listeners === 2, "the end of the listener");
    await board.listen("board-7/b");
  });

  it("bounds the streams that an identity has dialled, and an end makes room", async () => {
    await using test = router();
    const user = await test.client("user");
    const board = await test.client("board-7");
    const [, one] = await joined(board, user, "board-7");
    await joined(board, user, "board-7");
    await board.listen("board-7");
    const error = await rejection(user.dial("board-7"));
    expect(error).toMatchObject({ status: Status.RESOURCE_EXHAUSTED });
    expect(error.message).toContain("maxStreams, 2");
    one.abort();
    await until(() => test.router.stats.livePairs === 1, "the end of the stream");
    await user.dial("board-7");
  });

  it("counts a stream whose peers never come until its tokens have expired", async () => {
    const clock = new VirtualClock();
    const everything = { identities: ["*"], listen: ["*"], dial: ["*"], maxStreams: 1 };
    await using test = testRouter({ clock, policy: { rules: [everything] } });
    const token = await test.router.mintToken({ identity: "board", lifetimeMs: 3_600_000 });
    const idle = createClient(ExchangeService, test.connect()).listen.open({
      metadata: { authorization: `Bearer ${token}` },
    });
    await idle.send({ name: "web" });
    await idle.receive();
    const user = await test.client("user");
    const stream = await user.dial("web", { waitMs: 5_000 });
    stream.abort();
    expect(await rejection(user.dial("web"))).toMatchObject({ status: Status.RESOURCE_EXHAUSTED });
    await advance(clock, 7_000);
    await user.dial("web");
  });
});

describe("a change of the policy", () => {
  it("ends the listeners and the streams of an identity that is denied, both ways, and no others", async () => {
    await using test = router();
    const user = await test.client("user");
    const admin = await test.client("admin");
    const states: ListenerState[] = [];
    const board = await test.client("board-7");
    const denied = await joined(board, user, "board-7");
    const other = await joined(await test.client("board-8"), admin, "board-8");
    const listener = await board.listen("board-7", { onState: (state) => states.push(state) });
    test.router.updatePolicy({ ...policy, denied: { identities: ["board-7"] } });
    expect(await rejection(listener.accept())).toMatchObject({ status: Status.PERMISSION_DENIED });
    for (const stream of denied) expect((await rejection(stream.receive())).message).toContain("is denied");
    expect(states.at(-1)).toMatchObject({ kind: "closed", cause: { status: Status.PERMISSION_DENIED } });
    expect(test.router.stats).toMatchObject({ listeners: 0, livePairs: 1 });
    await other[1].send(bytes("still here"));
    expect(text(await other[0].receive())).toBe("still here");
    expect(await rejection(board.listen("board-7"))).toMatchObject({ status: Status.PERMISSION_DENIED });
    expect(test.events.filter(({ kind }) => kind === "listener-removed")).toContainEqual({
      kind: "listener-removed",
      name: "board-7",
      identity: "board-7",
      reason: "denied",
    });
  });

  it("ends the streams of a dialler that is denied although the other side reads nothing", async () => {
    await using test = router();
    const [there, here] = await joined(await test.client("board-7"), await test.client("user"), "board-7");
    let sending = true;
    const flood = (async () => {
      while (sending) await here.send(new Uint8Array(16_384));
    })().catch(() => {});
    await settle(200);
    test.router.updatePolicy({ ...policy, denied: { identities: ["user"] } });
    await until(() => test.router.stats.livePairs + test.router.stats.lingeringPeers === 0, "the end of both peers");
    sending = false;
    await flood;
    await rejection(
      (async () => {
        for (;;) if ((await there.receive()) === undefined) throw new Error("an end that looks whole");
      })(),
    );
  });

  it("ends what a single token has opened, and leaves other tokens of the same identity alone", async () => {
    await using test = router();
    const tokens = await Promise.all(
      [1, 2].map(() => test.router.mintToken({ identity: "user", lifetimeMs: 3_600_000 })),
    );
    const [lost, kept] = await Promise.all(tokens.map((token) => test.client("user", { token })));
    const board = await test.client("board-7");
    const first = await joined(board, lost as Trunkline, "board-7");
    const second = await joined(board, kept as Trunkline, "board-7");
    test.router.updatePolicy({ ...policy, denied: { tokenIds: [decodeJwt(tokens[0] as string).jti as string] } });
    expect((await rejection(first[1].receive())).message).toContain("this token is denied");
    await second[1].send(bytes("on"));
    expect(text(await second[0].receive())).toBe("on");
    expect(await rejection((lost as Trunkline).list())).toMatchObject({ status: Status.PERMISSION_DENIED });
    expect(await (kept as Trunkline).list()).toEqual([]);
  });

  it("ends the streams of a token from elsewhere by its id, waiting or joined", async () => {
    await using test = router();
    const claims = streamClaims("theirs", epochMs);
    const [one, other] = [test.plainCall("theirs"), test.plainCall("theirs")];
    const waiting = test.plainCall("alone", {
      authorization: `Bearer ${jwt({ ...streamClaims("alone", epochMs), jti: "w" })}`,
    });
    const ends = [one, other, waiting].map((call) => rejection(call.receive()));
    const { router: watched } = test;
    await until(() => watched.stats.livePairs === 1 && watched.stats.waitingPeers === 1, "a pair and a waiting peer");
    test.router.updatePolicy({ ...policy, denied: { tokenIds: [claims["jti"] as string, "w"] } });
    for (const end of ends) expect(await end).toMatchObject({ status: Status.PERMISSION_DENIED });
    await until(() => watched.stats.livePairs + watched.stats.waitingPeers === 0, "the end of all peers");
    expect(await rejection(test.plainCall("theirs").receive())).toMatchObject({ status: Status.PERMISSION_DENIED });
  });

  it("ends what an identity has lost the right to, and a lower limit ends nothing", async () => {
    await using test = router();
    const user = await test.client("user");
    const board = await test.client("board-7");
    const [, first] = await joined(board, user, "board-7");
    const [there, second] = await joined(await test.client("board-8"), user, "board-8");
    test.router.updatePolicy({
      rules: [policy.rules[0] as never, { identities: ["user"], dial: ["board-8"], maxStreams: 0 }],
    });
    expect((await rejection(first.receive())).message).toContain('does not let the identity "user" dial "board-7"');
    await second.send(bytes("on"));
    expect(text(await there.receive())).toBe("on");
  });

  it("reaches a stream that was dialled and not joined yet", async () => {
    await using test = router();
    const board = await test.client("board-7");
    const listener = await board.listen("board-7");
    const user = await test.client("user");
    const stream = await user.dial("board-7");
    test.router.updatePolicy({ ...policy, denied: { identities: ["user"] } });
    expect((await rejection(stream.receive())).message).toContain("is denied");
    await listener.close();
  });

  it("with mistakes is refused, and the old policy stays", async () => {
    await using test = router();
    expect(() => test.router.updatePolicy({ rules: [{ identities: [] }] })).toThrow("policy.rules[0].identities");
    const stranger = await test.client("stranger");
    expect(await rejection(stranger.listen("web"))).toMatchObject({ status: Status.PERMISSION_DENIED });
    test.router.updatePolicy(undefined);
    await stranger.listen("web");
  });
});
