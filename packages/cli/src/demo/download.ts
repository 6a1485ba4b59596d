/** Fetches a file over HTTP as any client would, and counts and hashes what arrives. */
import { createHash } from "node:crypto";
import { Agent, get, type IncomingMessage } from "node:http";

/** The result of a download. */
export interface Download {
  readonly bytes: number;
  /** The SHA-256 of the bytes, in hexadecimal. */
  readonly sha256: string;
  readonly elapsedMs: number;
}

/** Options of `download`. */
export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** Called with each chunk that arrives, with the bytes so far and those of the whole file. */
  onProgress(bytes: number, totalBytes: number): void;
}

/**
 * Downloads the file at `url`. @throws Error when the server answers anything but 200, or less arrives than it
 * announced; the signal's reason
 */
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
