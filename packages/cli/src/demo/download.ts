/** Fetching a file over HTTP as any client would, counting and hashing what arrives. */
import { createHash } from "node:crypto";
import { Agent, get, type IncomingMessage } from "node:http";

export interface Download {
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
  readonly elapsedMs: number;
}

export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** Called with each chunk that arrives: how many bytes have arrived in all, of how many. */
  onProgress(bytes: number, totalBytes: number): void;
}

/** @throws Error when the server answers anything but 200, or less arrives than it announced; the signal's reason */
export async function download(url: string, options: DownloadOptions): Promise<Download> {
  const { signal } = options;
  const startMs = performance.now();
  const agent = new Agent({ keepAlive: false });
  try {
    const response = await request(url, agent, signal);
    const totalBytes = Number(response.headers["content-length"]);
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      options.onProgress(bytes, totalBytes);
    }
    if (bytes !== totalBytes) throw new Error(`${bytes} bytes arrived of ${totalBytes}`);
    return { bytes, sha256: hash.digest("hex"), elapsedMs: performance.now() - startMs };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    agent.destroy();
  }
}

function request(url: string, agent: Agent, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { agent, signal }, (response) => {
      if (response.statusCode === 200) {
        resolve(response);
        return;
      }
      response.resume();
      reject(new Error(`${url} answers ${response.statusCode} ${response.statusMessage}`));
    });
    asked.on("error", reject);
  });
}
