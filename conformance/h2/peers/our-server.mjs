/**
 * Our server under test. Prints its port as its first line. Usage: node our-server.mjs [CERTIFICATE KEY
 * [OTHER-CERTIFICATE OTHER-KEY [AUTHORITY]]]
 *
 * | path | answer |
 * |---|---|
 * | /echo | the body, and trailers with its digest and those of the request |
 * | /bytes/N | N bytes, and a trailer with their digest |
 * | /headers | the request's large fields again, and their digest |
 * | /endless | bytes until the client gives up |
 * | /drain | a word, and the connection is ended in order |
 * | /renew | a word, and the other of its two certificates is shown from then on |
 * | /stats | what was begun, what was asked for twice, and how many endless answers were given up |
 * | anything else | a word |
 */
import { readFileSync } from "node:fs";
import { createSocketServer, HttpConnection } from "@trunkline/h2/node";
import { digest, digestOfFields, pattern } from "./samples.mjs";

const [certificate, key, otherCertificate, otherKey, authority] = process.argv
  .slice(2)
  .map((file) => readFileSync(file));
const secure = certificate !== undefined;
const pairs = [
  { cert: certificate, key },
  { cert: otherCertificate, key: otherKey },
];
const tls = secure ? { ...pairs[0], ...(authority !== undefined && { ca: authority, requestCert: true }) } : undefined;
const status = { name: ":status", value: "200" };
const word = Buffer.from("hello\n");
const someBytes = pattern(65_536);

/** The number of times that each `x-id` came. */
const ids = new Map();
const stats = { begun: 0, givenUp: 0 };

async function answer(stream, connection) {
  const fields = await stream.headers();
  const textOf = (name) => fields.find((field) => field.name === name)?.value;
  const path = textOf(":path").split("?")[0];
  const id = textOf("x-id");
  stats.begun += 1;
  if (id !== undefined) ids.set(id, (ids.get(id) ?? 0) + 1);
  if (path === "/echo") {
    const body = await stream.body();
    stream.sendHeaders([status, { name: "trailer", value: "x-digest" }]);
    await stream.send(body);
    const trailers = (stream.trailers ?? []).map(({ name, value }) => ({ name: `x-your-${name}`, value }));
    stream.sendHeaders([{ name: "x-digest", value: digest(body) }, ...trailers], true);
  } else if (path.startsWith("/bytes/")) {
    const body = pattern(Number(path.slice("/bytes/".length)));
    stream.sendHeaders([status]); // with a content-length, curl is done before the trailers
    await stream.send(body);
    stream.sendHeaders([{ name: "x-digest", value: digest(body) }], true);
  } else if (path === "/headers") {
    const large = fields.filter(({ name }) => name.startsWith("x-large-"));
    stream.sendHeaders([status, { name: "x-fields", value: digestOfFields(fields) }, ...large]);
    await stream.send(word, true);
  } else if (path === "/endless") {
    stream.sendHeaders([status]);
    try {
      for (;;) await stream.send(someBytes);
    } catch {
      stats.givenUp += 1;
    }
  } else {
    const body =
      path === "/stats"
        ? Buffer.from(
            JSON.stringify({ ...stats, ids: ids.size, twice: [...ids.values()].filter((times) => times > 1).length }),
          )
        : word;
    await stream.body();
    stream.sendHeaders([status, { name: "content-length", value: String(body.length) }]);
    if (path === "/drain") connection.driver.close();
    if (path === "/renew" && otherCertificate !== undefined) server.updateTls(pairs.reverse()[0]);
    await stream.send(body, true);
  }
}

const server = createSocketServer({ tls }, (socket) => {
  const connection = HttpConnection.accept(socket, (stream) => answer(stream, connection), {
    settings: { maxHeaderListSize: 2 ** 20, maxConcurrentStreams: 256 },
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
