/** Two calls at a router, and what one of them hears when the other ends badly. */
import { Status } from "@trunkline/grpc";
import { BrokenStreamError } from "@trunkline/streams";
import { describe, expect, it } from "vitest";
import { endProof, ownFeatures, RouterFrameType, RouterStream, Trunkline } from "../../src/index.js";
import { bytes, testRouter, text } from "../support/router.js";

describe("the router", () => {
  it("keeps what the first peer sends before the second one comes, its end included", async () => {
    await using test = testRouter();
    const first = new RouterStream(test.plainCall("s"));
    await first.send(bytes("early"));
    await first.sendEof();
    const second = new RouterStream(test.plainCall("s"));
    expect(text(await second.receive())).toBe("early");
    expect(await second.receive()).toBeUndefined();
    await second.send(bytes("answer"));
    await second.sendEof();
    expect(text(await first.receive())).toBe("answer");
    expect(await first.receive()).toBeUndefined();
  });

  it("passes every frame type on, with and without payload", async () => {
    await using test = testRouter();
    const [first, second] = [test.plainCall("s"), test.plainCall("s")];
    const types = [0, 1, 2, 3, 6, 7, 99, -1, 2 ** 31 - 1];
    const frames = types.flatMap((frameType) => [bytes("x"), bytes("")].map((payload) => ({ payload, frameType })));
    for (const frame of frames) await first.send(frame);
    for (const frame of frames) expect(await second.receive()).toEqual(frame);
    first.cancel();
    second.cancel();
  });

  it("tells the survivor at once that its peer is gone, after everything that came from it", async () => {
    await using test = testRouter();
    const [gone, survivor] = [test.plainCall("s"), test.plainCall("s")];
    await gone.send({ payload: bytes("last words"), frameType: RouterFrameType.DATA });
    await survivor.start();
    expect(text((await survivor.receive())?.payload)).toBe("last words");
    gone.cancel();
    await expect(survivor.receive()).rejects.toMatchObject({ status: Status.UNAVAILABLE });
  });

  it("never lets a truncated stream look complete between peers that know each other", async () => {
    await using test = testRouter();
    const first = test.plainCall("s");
    const second = new RouterStream(test.plainCall("s"), { peerFeatures: new Set(ownFeatures) });
    await first.send({ payload: bytes("part"), frameType: RouterFrameType.DATA });
    await first.send({ payload: new Uint8Array([8, 9, 16, 2]), frameType: RouterFrameType.GOAWAY });
    expect(text(await second.receive())).toBe("part");
    await expect(second.receive()).rejects.toBeInstanceOf(BrokenStreamError);
    expect(second.extra(endProof)).toBeUndefined();
  });

  it("takes an end without proof from a plain peer, and says what it is worth", async () => {
    await using test = testRouter();
    const first = test.plainCall("s");
    const second = new RouterStream(test.plainCall("s"));
    await first.send({ payload: bytes(""), frameType: RouterFrameType.GOAWAY });
    expect(await second.receive()).toBeUndefined();
    expect(second.extra(endProof)).toBe("declared");
    second.abort();
    first.cancel();
  });
});

describe("listen and dial", () => {
  it("join two parties, with metadata, and prove the end", async () => {
    await using test = testRouter();
    const endpoint = await test.router.listen("127.0.0.1:0");
    const token = await test.router.mintToken({ identity: "me", lifetimeMs: 60_000 });
    await using trunkline = new Trunkline({ endpoint, token });
    await using listener = await trunkline.listen("web", { metadata: { "x-at": "listener" } });
    const dialled = await trunkline.dial("web", { metadata: { "x-at": "dialler" } });
    const accepted = (await listener.accept()) as RouterStream;
    await dialled.send(bytes("hello"), { metadata: { "x-tag": "one" } });
    const message = await accepted.receiveWithMetadata();
    expect([text(message?.data), message?.metadata.get("x-tag")]).toEqual(["hello", "one"]);
    await dialled.sendEof();
    expect(await accepted.receive()).toBeUndefined();
    expect(accepted.extra(endProof)).toBe("verified");
    await accepted.close();
    await dialled.close();
  });

  it("tell a dialler whose other side was aborted before the router had let it in", async () => {
    await using test = testRouter();
    const endpoint = await test.router.listen("127.0.0.1:0");
    const token = await test.router.mintToken({ identity: "me", lifetimeMs: 60_000 });
    await using trunkline = new Trunkline({ endpoint, token });
    await using listener = await trunkline.listen("web");
    for (let round = 0; round < 20; round++) {
      const dialled = await trunkline.dial("web");
      (await listener.accept())?.abort(new Error("the target refuses"));
      await expect(dialled.receive()).rejects.toBeInstanceOf(BrokenStreamError);
    }
  });

  it("refuse a name that nobody has, and a bad token, by name", async () => {
    await using test = testRouter();
    const endpoint = await test.router.listen("127.0.0.1:0");
    await using stranger = new Trunkline({ endpoint, token: "garbage" });
    await expect(stranger.dial("web")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    const token = await test.router.mintToken({ identity: "me", lifetimeMs: 60_000 });
    await using trunkline = new Trunkline({ endpoint, token });
    await expect(trunkline.dial("web")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(trunkline.dial("")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
