/** The shared parts of the HTTP/2 subjects: the fields of a gRPC client's request, and the certificate. */
import { readFile } from "node:fs/promises";

export const countPath = "/bench/count";

/** @param {string} path */
export function requestFields(path) {
  return Object.entries(requestHeaders(path)).map(([name, value]) => ({ name, value }));
}

/**
 * @param {string} path
 * @returns {Record<string, string>}
 */
export function requestHeaders(path) {
  return {
    ":method": "POST",
    ":scheme": "http",
    ":path": path,
    ":authority": "127.0.0.1",
    "content-type": "application/octet-stream",
    te: "trailers",
    "user-agent": "bench",
  };
}

/** @param {number} bytes */
export function lengthBytes(bytes) {
  const answer = new Uint8Array(4);
  new DataView(answer.buffer).setUint32(0, bytes);
  return answer;
}

/** @param {Uint8Array} answer */
export function lengthOf(answer) {
  if (answer.length !== 4) throw new Error(`the answer has ${answer.length} bytes instead of 4`);
  return new DataView(answer.buffer, answer.byteOffset).getUint32(0);
}

/** @param {string} name */
const fixture = (name) => readFile(new URL(`../../packages/h2/test/fixtures/${name}`, import.meta.url));

export async function serverTls() {
  return { cert: await fixture("certificate.pem"), key: await fixture("key.pem") };
}

export async function clientTls() {
  return { ca: await fixture("certificate.pem"), servername: "localhost" };
}
