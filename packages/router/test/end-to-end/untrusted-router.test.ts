/** A router that is not trusted can see sizes and times of streams with end-to-end TLS, and break them: no more. */
import { randomBytes } from "node:crypto";
import tls from "node:tls";
import { toDuplex } from "@trunkline/streams/node";
import { describe, expect, it } from "vitest";
import { certificateOf } from "../../../h2/test/support/certificates.js";
import { type ListenerState, ownFeatures, type RouterStream } from "../../src/index.js";
import { pin, trusting } from "../support/identities.js";
import { bytes, rejection, testRouter, text, until } from "../support/router.js";
import { bareDial, type Passing, untrustedRouter } from "../support/untrusted-router.js";

/** Returns a dialling and a listening side with an attacker between them. */
async function between(passing: Passing = {}) {
  const routers = await untrustedRouter(passing);
  const states: ListenerState[] = [];
  const listener = await (await routers.far.client("l")).listen(passing.name ?? "web", {
    endToEnd: { ...trusting("server", "client"), metadata: { canary: "canary-of-listener" } },
    onState: (state) => states.push(state),
  });
  routers.run();
  const dialled = (await routers.near.client("d")).dial("web", {
    resume: false,
    endToEnd: { ...trusting("client", "server"), metadata: { canary: "canary-of-dialler" } },
  });
  dialled.catch(() => {});
  const missed = () => states.find((state) => state.kind === "missed") as { cause: Error } | undefined;
  return { routers, listener, dialled, missed, [Symbol.asyncDispose]: () => routers[Symbol.asyncDispose]() };
}

describe("a router that is not trusted", () => {
  it("sees nothing of data, metadata and reasons", async () => {
    await using it = await between();
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    await dialled.send(bytes("canary-1"), { metadata: { canary: "canary-2" } });
    expect(text(await accepted.receive())).toBe("canary-1");
    await accepted.send(bytes("canary-3".repeat(1_000)));
    expect((await dialled.receive())?.length).toBe(8_000);
    accepted.abort(new Error("canary-4"));
    expect((await rejection(dialled.receive())).message).toContain("canary-4");
    const seen = it.routers.seen();
    expect(seen.length).toBeGreaterThan(8_000);
    expect(seen).not.toContain("canary");
    const events = JSON.stringify([...it.routers.near.events, ...it.routers.far.events]);
    expect(events).not.toContain("canary");
  });

  it("cannot make a cut direction look complete", async () => {
    let left = 100_000;
    await using it = await between({
      pass(chunk, from) {
        left -= from === "dialler" ? chunk.length : 0;
        return left > 0 ? chunk : undefined;
      },
    });
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    const sent = (async () => {
      for (let count = 0; count < 10; count++) await dialled.send(randomBytes(30_000));
      await dialled.sendEof();
    })().catch(() => {});
    let received = 0;
    const reading = (async () => {
      for await (const chunk of accepted) received += chunk.length;
    })();
    expect(await rejection(reading)).toMatchObject({ code: "DATA_LOSS" });
    expect(received).toBeLessThan(100_000);
    dialled.abort();
    await sent;
  });

  it("cannot end a stream in order after the last byte", async () => {
    let cutting = false;
    await using it = await between({ pass: (chunk) => (cutting ? undefined : chunk) });
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    await dialled.send(bytes("all but the end"));
    expect(text(await accepted.receive())).toBe("all but the end");
    cutting = true;
    dialled.send(bytes("never")).catch(() => {});
    expect(await rejection(accepted.receive())).toMatchObject({ code: "DATA_LOSS" });
  });

  it("cannot change a byte", async () => {
    let changing = false;
    await using it = await between({
      pass(chunk) {
        if (!changing) return chunk;
        const changed = chunk.slice();
        changed[chunk.length - 1] = (changed[chunk.length - 1] as number) ^ 1;
        return changed;
      },
    });
    const dialled = await it.dialled;
    const accepted = (await it.listener.accept()) as RouterStream;
    changing = true;
    await dialled.send(bytes("one euro"));
    expect(await rejection(accepted.receive())).toMatchObject({ code: "DATA_LOSS" });
  });

  it("cannot join a dialler to another name of the same listener", async () => {
    await using it = await between({ name: "admin" });
    expect(await rejection(it.dialled)).toMatchObject({ name: "EndToEndError" });
    await until(() => it.missed() !== undefined, "the word of the listener");
    expect(it.missed()?.cause).toMatchObject({ reason: "WRONG_NAME" });
    expect(it.missed()?.cause.message).toContain('this side of "admin" with one of "web"');
  });

  it.each([
    ["the listener", { diallerFeatures: ownFeatures }],
    ["the dialler", { listenerFeatures: ownFeatures }],
  ])("cannot talk %s out of TLS", async (_, passing) => {
    await using it = await between(passing);
    expect(await rejection(it.dialled)).toMatchObject({ reason: "NOT_SPOKEN" });
    await until(() => it.missed() !== undefined, "the word of the listener");
    expect(it.missed()?.cause).toMatchObject({ name: "EndToEndError" });
  });
});

describe("a listener with end-to-end TLS", () => {
  async function listening(options: { handshakeTimeoutMs?: number } = {}) {
    const test = testRouter();
    const states: ListenerState[] = [];
    await (await test.client("l")).listen("web", {
      endToEnd: { ...certificateOf("server"), pins: [pin("client"), pin("client-expired")], ...options },
      onState: (state) => states.push(state),
    });
    const token = await test.router.mintToken({ identity: "d", lifetimeMs: 60_000 });
    const bare = await bareDial(test.connect(), token, "web");
    const missed = async (): Promise<Error> => {
      const find = () => states.find((state) => state.kind === "missed") as { cause: Error } | undefined;
      await until(() => find() !== undefined, "the word of the listener");
      return find()?.cause as Error;
    };
    return { bare, missed, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
  }
  const overTls = (bare: RouterStream, options: tls.ConnectionOptions) => {
    const socket = tls.connect({ socket: toDuplex(bare), rejectUnauthorized: false, ...options });
    socket.on("error", () => {});
    return socket;
  };
  const alpn = { ALPNProtocols: ["trunkline-stream/1"] };

  it("refuses plaintext", async () => {
    await using it = await listening();
    await it.bare.send(bytes("GET / HTTP/1.1\r\n\r\n"));
    expect(await it.missed()).toMatchObject({ reason: "NOT_SPOKEN" });
    expect((await rejection(it.bare.receive())).message).toContain("end to end:");
  });

  it("refuses a certificate that has expired, also where its key is pinned", async () => {
    await using it = await listening();
    overTls(it.bare, { ...certificateOf("client-expired"), ...alpn });
    expect(await it.missed()).toMatchObject({ reason: "CERTIFICATE" });
  });

  it("refuses a client without a certificate", async () => {
    await using it = await listening();
    overTls(it.bare, alpn);
    expect(await it.missed()).toMatchObject({ reason: "NOT_TRUSTED" });
  });

  it("refuses TLS 1.2", async () => {
    await using it = await listening();
    overTls(it.bare, { ...certificateOf("client"), ...alpn, minVersion: "TLSv1.2", maxVersion: "TLSv1.2" });
    expect(await it.missed()).toMatchObject({ reason: "NOT_SPOKEN" });
  });

  it("refuses another protocol inside TLS", async () => {
    await using it = await listening();
    overTls(it.bare, { ...certificateOf("client"), ALPNProtocols: ["h2"] });
    expect(await it.missed()).toMatchObject({ reason: "NOT_SPOKEN" });
  });

  it("refuses a greeting that is too long, or none", async () => {
    await using it = await listening();
    overTls(it.bare, { ...certificateOf("client"), ...alpn }).write(Buffer.from("ffffffff", "hex"));
    expect(await it.missed()).toMatchObject({ reason: "FAILED" });
  });

  it("gives up a dialler that is silent", async () => {
    await using it = await listening({ handshakeTimeoutMs: 20 });
    expect(await it.missed()).toMatchObject({ reason: "TIMEOUT" });
    expect(await rejection(it.bare.receive())).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });
});
