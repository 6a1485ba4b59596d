/** The work of a client with bare HTTP/2: requests with a body, each answered with the same body or with its length. */
import { startWindow } from "./timer.mjs";

/** @typedef {import("../types.d.ts").H2Client} H2Client */

const smallBody = Uint8Array.from({ length: 10 }, (_, index) => index + 1);
const largeBody = new Uint8Array(65_536).fill(0x5a);

/** @type {Record<string, (client: H2Client, durationMs: number) => Promise<import("../types.d.ts").Measurement>>} */
export const h2Scenarios = {
  "h2-requests": smallRequests,
  "h2-requests-tls": smallRequests,
  "h2-64k": largeRequests,
  "h2-64k-tls": largeRequests,
};

/**
 * @param {H2Client} client
 * @param {number} durationMs
 */
function smallRequests(client, durationMs) {
  return requests(durationMs, 100, 1, async () => {
    const answer = await client.echo(smallBody);
    if (answer.length !== smallBody.length || answer[9] !== smallBody[9])
      throw new Error(`the answer is not what was sent: ${answer.length} bytes`);
  });
}

/**
 * @param {H2Client} client
 * @param {number} durationMs
 */
function largeRequests(client, durationMs) {
  return requests(durationMs, 16, largeBody.length, async () => {
    const bytes = await client.count(largeBody);
    if (bytes !== largeBody.length) throw new Error(`of ${largeBody.length} bytes sent ${bytes} arrived`);
  });
}

/**
 * @param {number} durationMs
 * @param {number} inFlight
 * @param {number} amount of one request
 * @param {() => Promise<void>} request
 */
async function requests(durationMs, inFlight, amount, request) {
  const window = startWindow(durationMs);
  let done = 0;
  const one = async () => {
    while (!window.isOver()) {
      await request();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return window.done(done * amount);
}
