/**
 * The service that the demo exposes: a page to look at and a file to fetch, over plain HTTP. It knows nothing of
 * tunnels.
 */

import { createReadStream } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import { formatBytes } from "@trunkline/base";
import type { SampleFile } from "./sample-file.js";

/** The size of one read from the disk: fewer and larger steps are faster, and more than this no longer helps. */
const readPieceBytes = 256 * 1024;

/** The running service. */
export class DemoService implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Ends the service and its connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

/**
 * Serves the file and a page about it on a free port of loopback. `name` is the name under which it will be exposed.
 */
export function startDemoService(file: SampleFile, name: string): Promise<DemoService> {
  let pages = 0;
  const server = createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      answerText(response, 405, "only GET and HEAD\n", { allow: "GET, HEAD" });
    } else if (request.url === "/") {
      answerPage(request, response, demoPage(file, name, ++pages));
    } else if (request.url === "/sample.bin") {
      answerFile(request, response, file);
    } else {
      answerText(response, 404, "there is a page at / and a file at /sample.bin\n");
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(new DemoService(server)));
  });
}

function answerText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...headers }).end(text);
}

function answerPage(request: IncomingMessage, response: ServerResponse, page: string): void {
  response.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "content-length": Buffer.byteLength(page),
    "cache-control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : page);
}

function answerFile(request: IncomingMessage, response: ServerResponse, file: SampleFile): void {
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "content-length": file.bytes,
    "content-disposition": 'attachment; filename="sample.bin"',
    "repr-digest": `sha-256=:${Buffer.from(file.sha256, "hex").toString("base64")}:`, // RFC 9530
  });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  // A failed read destroys the response, so that the client sees a broken transfer and not a short file.
  pipeline(createReadStream(file.path, { highWaterMark: readPieceBytes }), response, () => {});
}

function demoPage(file: SampleFile, name: string, pages: number): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>trunkline: ${name}</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1.25rem; }
  code, pre { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
  pre { line-height: 1.35; overflow-x: auto; padding: 1rem; border: 1px solid #8886; border-radius: .5rem; }
</style>
<h1>It works.</h1>
<p>You are reading a page of the service <b>${name}</b>, and your browser has never spoken to it: each byte came
through the router.</p>
<pre>browser → trunkline connect → router ← trunkline expose → this service</pre>
<p>Page number ${pages} since the start. The file of the demo is here too:
<a href="/sample.bin">sample.bin</a>, ${formatBytes(file.bytes)}, SHA-256 <code>${file.sha256}</code>.</p>
</html>
`;
}
