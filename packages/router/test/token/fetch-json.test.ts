/** Documents from servers that are slow, large, or not what they should be. */
import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { authority, certificateOf } from "../../../h2/test/support/certificates.js";
import { fetchJson } from "../../src/token/fetch-json.js";
import { rejection } from "../support/router.js";

async function served<T>(listener: RequestListener, use: (url: URL) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const never = new AbortController().signal;
const get = (url: URL, maxBytes = 100): Promise<unknown> => fetchJson(url, { signal: never, maxBytes });
const refusal = async (listener: RequestListener): Promise<string> =>
  served(listener, async (url) => (await rejection(get(url))).message);

describe("a document", () => {
  it("is read whole, up to maxBytes", async () => {
    const text = JSON.stringify("x".repeat(98));
    expect(await served((_, response) => response.end(text), get)).toBe("x".repeat(98));
    const sized: RequestListener = (_, response) => response.setHeader("content-length", 101).end(`${text} `);
    expect(await refusal(sized)).toBe("it sends more than 100 bytes");
    const chunked: RequestListener = (_, response) => {
      response.write(text);
      response.write(" ");
    };
    expect(await refusal(chunked)).toBe("it sends more than 100 bytes");
  });

  it("that never ends is cut off at maxBytes", async () => {
    let sent = 0;
    const endless: RequestListener = (_, response) => {
      const more = (): void => {
        if (response.destroyed) return;
        sent += 65_536;
        response.write(" ".repeat(65_536), more);
      };
      more();
    };
    expect(await refusal(endless)).toBe("it sends more than 100 bytes");
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it("is not fetched from where a redirect leads", async () => {
    let requests = 0;
    const redirecting: RequestListener = (_, response) => {
      requests += 1;
      response.writeHead(302, { location: "/elsewhere" }).end("{}");
    };
    expect(await refusal(redirecting)).toBe(
      "it answers with a redirect (302), and none is followed; give the final address",
    );
    expect(requests).toBe(1);
  });

  it("that is none is refused, without a word of what came", async () => {
    expect(await refusal((_, response) => response.writeHead(500).end("secret"))).toBe(
      "it answers with the status 500",
    );
    expect(await refusal((_, response) => response.end("<html>secret</html>"))).toBe("it sends no JSON");
    expect(await refusal((request) => request.socket.destroy())).toContain("socket hang up");
    const cut: RequestListener = (_, response) => {
      response.setHeader("content-length", 50).write("{");
      setImmediate(() => response.socket?.destroy());
    };
    expect(await refusal(cut)).toBe("aborted");
  });

  it("is waited for until the signal aborts: before the headers, in the body, and before the request", async () => {
    for (const listener of [() => {}, (_, response) => response.write("{")] satisfies RequestListener[]) {
      await served(listener, async (url) => {
        const late = new AbortController();
        const waiting = rejection(fetchJson(url, { signal: late.signal, maxBytes: 100 }));
        setImmediate(() => late.abort(new Error("too late")));
        expect((await waiting).message).toBe("too late");
        expect((await rejection(fetchJson(url, { signal: late.signal, maxBytes: 100 }))).message).toBe("too late");
      });
    }
  });

  it("comes by TLS from a server that an authority vouches for, and from no other", async () => {
    const server = createSecureServer(certificateOf("server"), (_, response) => response.end('"good"'));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const url = new URL(`https://127.0.0.1:${port}/keys`);
      const fetched = (address: URL, ca?: Buffer): Promise<unknown> =>
        fetchJson(address, { signal: never, maxBytes: 100, ca });
      expect(await fetched(url, authority)).toBe("good");
      expect((await rejection(fetched(url))).message).toContain("unable to");
      expect((await rejection(fetched(new URL(`http://127.0.0.1:${port}/keys`)))).message).not.toBe("");
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
