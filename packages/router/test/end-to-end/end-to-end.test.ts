/** Streams with TLS inside, through a router that is not trusted. */
import { runInNewContext } from "node:vm";
import { VirtualClock } from "@trunkline/base/testing";
import { streamMetadata } from "@trunkline/streams";
import { describe, expect, it } from "vitest";
import { certificateOf } from "../../../h2/test/support/certificates.js";
import {
  checkEndToEnd,
  type DialOptions,
  type EndToEndError,
  endToEndPeer,
  type ListenerOptions,
  type ListenerState,
  type RouterStream,
  resumption,
} from "../../src/index.js";
import { authority, pin, trusting } from "../support/identities.js";
import { bytes, rejection, type TestRouter, testRouter, text, until } from "../support/router.js";

const asListener: ListenerOptions = { endToEnd: trusting("server", "client") };
const asDialler: DialOptions = { endToEnd: trusting("client", "server") };

/**
 * Dials a listener, and returns what came of it at both ends. On the virtual clock nothing waits at the end for peers
 * that are gone; only a test in which something is tried again needs real time.
 */
async function attempt(
  listening: ListenerOptions,
  dialling: DialOptions,
  test: TestRouter = testRouter({ clock: new VirtualClock() }),
) {
  const states: ListenerState[] = [];
  const listener = await (await test.client("l")).listen("web", {
    ...listening,
    onState: (state) => states.push(state),
  });
  const dialled = (await test.client("d")).dial("web", dialling);
  return { test, states, listener, dialled, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
}

async function missed(states: readonly ListenerState[]): Promise<Error> {
  const find = () => states.find((state) => state.kind === "missed");
  await until(() => find() !== undefined, "the word of the listener");
  return (find() as { cause: Error }).cause;
}

describe.each([true, false])("a stream with end-to-end TLS, resume: %s", (resume) => {
  it("carries bytes both ways, half-closes, and ends", async () => {
    await using it = await attempt({ ...asListener, resume }, { ...asDialler, resume });
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    await dialled.send(bytes("question"));
    await dialled.sendEof();
    expect(text(await accepted.receive())).toBe("question");
    expect(await accepted.receive()).toBeUndefined();
    await accepted.send(bytes("answer"));
    await accepted.sendEof();
    expect(text(await dialled.receive())).toBe("answer");
    expect(await dialled.receive()).toBeUndefined();
    await Promise.all([dialled.close(), accepted.close()]);
    await until(() => it.test.router.stats.livePairs === 0, "the end of the pair");
  });

  it("tells each side who the other one is", async () => {
    await using it = await attempt({ ...asListener, resume }, { ...asDialler, resume });
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    expect(dialled.extra(endToEndPeer)?.pin).toBe(pin("server"));
    expect(accepted.extra(endToEndPeer)?.pin).toBe(pin("client"));
  });

  it("tells the other side the reason of an abort, and the router none", async () => {
    await using it = await attempt({ ...asListener, resume }, { ...asDialler, resume });
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    accepted.abort(new Error("the target is on fire"));
    expect((await rejection(dialled.receive())).message).toContain("the target is on fire");
    await until(() => it.test.events.some(({ kind }) => kind === "closed"), "the end of the pair");
    expect(JSON.stringify(it.test.events)).not.toContain("fire");
  });
});

describe("a stream with end-to-end TLS that can be resumed", () => {
  it("goes on after the loss of its connections, without a byte lost or doubled", async () => {
    await using it = await attempt(asListener, asDialler, testRouter());
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    expect(dialled.extra(resumption)?.attempts).toBe(1);
    let received = "";
    const reading = (async () => {
      for await (const chunk of accepted) received += text(chunk);
    })();
    let sent = "";
    for (let round = 0; round < 3; round += 1) {
      const piece = `${round}`.repeat(50_000);
      await dialled.send(bytes(piece));
      sent += piece;
      for (const link of it.test.links.splice(0)) link.cut();
      await dialled.send(bytes("after"));
      sent += "after";
      await until(() => received.length === sent.length, "what was sent");
    }
    await dialled.sendEof();
    await reading;
    expect(received).toBe(sent);
    expect(dialled.extra(resumption)?.attempts).toBeGreaterThan(1);
  });
});

describe("metadata", () => {
  it("goes inside TLS where it is given to endToEnd; what the exchange has carried is not shown", async () => {
    await using it = await attempt(
      { endToEnd: { ...trusting("server", "client"), metadata: { secret: "l" } }, metadata: { open: "l" } },
      { endToEnd: { ...trusting("client", "server"), metadata: { secret: "d" } }, metadata: { open: "d" } },
    );
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    expect([...(dialled.extra(streamMetadata) ?? [])]).toEqual([["secret", "l"]]);
    expect([...(accepted.extra(streamMetadata) ?? [])]).toEqual([["secret", "d"]]);
  });

  it("of single messages goes inside TLS", async () => {
    await using it = await attempt(asListener, asDialler);
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    await dialled.send(bytes("x"), { metadata: { part: "1" } });
    expect((await accepted.receiveWithMetadata())?.metadata.get("part")).toBe("1");
  });
});

describe("an authority of one's own", () => {
  const listening = { endToEnd: { ...certificateOf("server"), ca: authority } };
  const dialling = { endToEnd: { ...certificateOf("client"), ca: authority } };

  it("vouches for both sides", async () => {
    await using it = await attempt(listening, dialling);
    expect((await it.dialled).extra(endToEndPeer)?.pin).toBe(pin("server"));
  });

  it.each([
    ["of a stranger", "stranger"],
    ["that signs itself", "self-signed"],
  ] as const)("does not vouch for a certificate %s", async (_, name) => {
    await using it = await attempt(listening, { endToEnd: { ...certificateOf(name), ca: authority } });
    expect(await rejection(it.dialled)).toMatchObject({ reason: "REFUSED" });
    expect(await missed(it.states)).toMatchObject({ reason: "NOT_TRUSTED" });
  });
});

describe("a handshake that fails is an error at both ends, and no byte passes:", () => {
  const failing: readonly [string, ListenerOptions, DialOptions, dialler: string, listener: string][] = [
    ["a dialler with another key", asListener, { endToEnd: trusting("stranger", "server") }, "REFUSED", "NOT_TRUSTED"],
    ["a listener with another key", { endToEnd: trusting("stranger", "client") }, asDialler, "NOT_TRUSTED", "REFUSED"],
    ["a listener that does not speak it", {}, asDialler, "NOT_SPOKEN", "NOT_SPOKEN"],
  ];
  it.each(failing)("%s", async (_, listening, dialling, atDialler, atListener) => {
    await using it = await attempt(listening, dialling);
    expect(await rejection(it.dialled)).toMatchObject({ name: "EndToEndError", reason: atDialler });
    expect(await missed(it.states)).toMatchObject({ name: "EndToEndError", reason: atListener });
  });

  it("a dialler that does not speak it", async () => {
    // The listener may refuse before both have joined: then the dialler hears why only when it has come back.
    await using it = await attempt(asListener, {}, testRouter());
    const dialled = await it.dialled;
    expect((await rejection(dialled.receive())).message).toContain("end to end: this side wants end-to-end TLS");
    expect(await missed(it.states)).toMatchObject({ reason: "NOT_SPOKEN" });
  });
});

it("an identity may be bytes of another realm (connect-es#658)", () => {
  const { cert, key } = certificateOf("client");
  const foreign = (given: string | Uint8Array): Uint8Array =>
    runInNewContext("Uint8Array.from(codes)", { codes: Array.from(Buffer.from(given)) }) as Uint8Array;
  expect(foreign(cert)).not.toBeInstanceOf(Uint8Array);
  checkEndToEnd({ cert: foreign(cert), key: foreign(key), pins: [pin("server")] });
});

describe("options", () => {
  const refused = async (endToEnd: object): Promise<EndToEndError> => {
    await using test = testRouter();
    const client = await test.client();
    return (await rejection(client.dial("web", { endToEnd: endToEnd as never }))) as EndToEndError;
  };
  const own = certificateOf("client");
  it.each([
    ["without pins and ca", { ...own }, /either pins or ca/],
    ["with both", { ...own, pins: [pin("server")], ca: authority }, /either pins or ca/],
    ["with no pin", { ...own, pins: [] }, /at least one pin/],
    ["with a pin that is none", { ...own, pins: ["sha256//abc"] }, /"sha256\/\/abc" is no pin/],
    [
      "with a key of another certificate",
      { ...own, key: certificateOf("server").key, pins: [pin("server")] },
      /is not the key/,
    ],
    [
      "with a certificate that has expired",
      { ...certificateOf("client-expired"), pins: [pin("server")] },
      /valid from/,
    ],
    ["with a ca without certificates", { ...own, ca: "nothing" }, /no certificate in PEM/],
    ["with an unknown name", { ...own, pin: "x" }, /no option "pin"/],
    [
      "with metadata of 16,385 bytes",
      { ...own, pins: [pin("server")], metadata: { k: "x".repeat(16_384) } },
      /larger than 16384/,
    ],
  ])("%s are refused", async (_, options, message) => {
    expect((await refused(options)).message).toMatch(message);
  });
});
