import { once } from "node:events";
import tls from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { dialTls, isPeerVerified, peerCertificate, shownCertificate } from "../../src/node/index.js";
import { authority, certificateOf, closeAll, serve } from "../support/servers.js";

afterEach(closeAll);

/** A server that asks for certificates and takes clients without one, and its accepted sockets. */
async function asking() {
  const server = tls.createServer({
    ...certificateOf("server"),
    ca: authority,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on("secureConnection", (socket) => socket.on("error", () => {}).write("welcome"));
  const address = await serve(server);
  const connect = async (options: tls.ConnectionOptions) => {
    const accepting = once(server, "secureConnection") as Promise<[tls.TLSSocket]>;
    const client = await dialTls(address, { ca: authority, ...options });
    const session = new Promise<Buffer>((resolve) => client.once("session", resolve));
    const [accepted] = await accepting;
    client.resume();
    return { client, accepted, session };
  };
  return connect;
}

describe("the certificate of the other side", () => {
  it("is verified, shown only, or missing", async () => {
    const connect = await asking();
    for (const [certificate, shown, verified] of [
      [certificateOf("client"), "CN=client", true],
      [certificateOf("stranger"), "CN=localhost", false],
      [{}, undefined, false],
    ] as const) {
      const { client, accepted } = await connect(certificate);
      expect(isPeerVerified(accepted)).toBe(verified);
      expect(shownCertificate(accepted)?.subject).toBe(shown);
      expect(peerCertificate(accepted)?.subject).toBe(verified ? shown : undefined);
      client.destroy();
    }
  });

  it("is not proved by a resumed session of TLS 1.3 that never had one, which Node calls authorized", async () => {
    const connect = await asking();
    const first = await connect({});
    const session = await first.session;
    first.client.destroy();
    const { client, accepted } = await connect({ session });
    expect(client.isSessionReused()).toBe(true);
    expect(accepted.authorized).toBe(true);
    expect(isPeerVerified(accepted)).toBe(false);
    expect(peerCertificate(accepted)).toBeUndefined();
    client.destroy();
  });

  it("is there each time it is asked for, on the client's side too", async () => {
    const connect = await asking();
    const { client } = await connect({});
    for (let time = 0; time < 3; time++) expect(shownCertificate(client)?.subjectAltName).toContain("DNS:localhost");
    expect(isPeerVerified(client)).toBe(true);
    client.destroy();
  });
});
