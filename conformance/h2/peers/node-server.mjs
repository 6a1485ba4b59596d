/**
 * Node's own HTTP/2 server, with the answers of `our-server.mjs`. Prints its port. Usage:
 * `node node-server.mjs [CERTIFICATE KEY]`.
 */
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { digest, digestOfFields, pattern } from "./samples.mjs";

const [certificate, key] = process.argv.slice(2);
const settings = { maxHeaderListSize: 2 ** 20, maxConcurrentStreams: 256 };
const options = { settings, maxSendHeaderBlockLength: 2 ** 20, maxHeaderListPairs: 256, maxSessionMemory: 100 };
const server =
  certificate === undefined
    ? http2.createServer(options)
    : http2.createSecureServer({ ...options, cert: readFileSync(certificate), key: readFileSync(key) });
const someBytes = pattern(65_536);
const stats = { begun: 0, givenUp: 0 };

server.on("stream", async (stream, headers) => {
  stats.begun += 1;
  let gone = false;
  stream.on("error", () => {});
  stream.on("close", () => {
    gone = true;
  });
  const path = headers[":path"].split("?")[0];
  const withTrailers = (body, trailers, more = {}) => {
    stream.respond({ ":status": 200, ...more }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers()));
    stream.end(body);
  };
  if (path === "/echo") {
    let trailers = {};
    stream.on("trailers", (fields) => {
      trailers = fields;
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const yours = Object.entries(trailers).map(([name, value]) => [`x-your-${name}`, value]);
    withTrailers(body, () => ({ "x-digest": digest(body), ...Object.fromEntries(yours) }));
  } else if (path.startsWith("/bytes/")) {
    const body = pattern(Number(path.slice("/bytes/".length)));
    withTrailers(body, () => ({ "x-digest": digest(body) }));
  } else if (path === "/headers") {
    const fields = Object.entries(headers).map(([name, value]) => ({ name, value }));
    const large = Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("x-large-")));
    stream.respond({ ":status": 200, "x-fields": digestOfFields(fields), ...large });
    stream.end("hello\n");
  } else if (path === "/endless") {
    stream.respond({ ":status": 200 });
    while (!gone) {
      if (!stream.write(someBytes))
        await new Promise((resolve) => stream.once("drain", resolve).once("close", resolve));
    }
    stats.givenUp += 1;
  } else if (path === "/reset") {
    stream.respond({ ":status": 200 });
    stream.write("some of it", () => stream.destroy(new Error("reset")));
  } else {
    stream.resume();
    stream.respond({ ":status": 200 });
    if (path === "/drain") stream.session.close();
    stream.end(path === "/stats" ? JSON.stringify(stats) : "hello\n");
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
