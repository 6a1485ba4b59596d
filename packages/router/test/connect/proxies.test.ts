/** A client of an exchange behind proxies. */
import { afterEach, describe, expect, it } from "vitest";
import { httpProxy, socksProxy } from "../../../base/test/support/proxies.js";
import { closeAll } from "../../../base/test/support/servers.js";
import { Router, Trunkline } from "../../src/index.js";

const secret = "a key of 32 bytes for these tests";

afterEach(closeAll);

describe("a client with a proxy", () => {
  it("reaches exchange and router through it, for listening and for dialling", async () => {
    await using router = new Router({ keys: [{ secret }] });
    const port = Number(/\d+$/.exec(await router.listen("127.0.0.1:0"))?.[0]);
    const token = await router.mintToken({ identity: "me", lifetimeMs: 60_000 });
    const [http, socks] = [await httpProxy({ port, login: "me:pass" }), await socksProxy({ port })];
    const endpoint = "router.invalid:7420";
    const common = { endpoint, token, plaintext: true };
    await using near = new Trunkline({ ...common, proxy: `http://me:pass@127.0.0.1:${http.address.port}` });
    await using far = new Trunkline({ ...common, proxy: `socks5h://127.0.0.1:${socks.address.port}` });
    const listener = await near.listen("web");
    const dialled = await far.dial("web");
    const accepted = await listener.accept();
    await dialled.send(new TextEncoder().encode("hello"));
    expect(new TextDecoder().decode(await accepted?.receive())).toBe("hello");
    dialled.abort();
    expect(new Set([...http.targets, ...socks.targets])).toEqual(new Set([endpoint]));
  });

  it("connects to a Unix socket directly, and refuses what is no proxy", async () => {
    const common = { token: "t", plaintext: true };
    expect(() => new Trunkline({ ...common, endpoint: "far:1", proxy: "ftp://me:secret@p" })).toThrow(
      'proxy has "ftp"',
    );
    await new Trunkline({ ...common, endpoint: "unix:/tmp/x", endpoints: ["far:1"], proxy: "http://p:1" }).close();
  });
});
