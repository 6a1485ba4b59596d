/** A peer of ours in this process, with the same steps as the one in Python. */
import { Channel, GrpcError } from "@trunkline/grpc";
import { openRouterStream } from "@trunkline/router";
import { StepError } from "./python-peer.mjs";

/** Throws what a step fails with as the other peer does. */
async function step(doing) {
  try {
    return await doing;
  } catch (error) {
    const cause = [error, error.cause].find((each) => each instanceof GrpcError);
    const code = cause === undefined ? null : cause.code;
    throw new StepError({ kind: error.name, code, text: error.message });
  }
}

export class OwnPeer {
  name = "trunkline";
  #channel;

  /** @param {string} endpoint @param {string} [ca] PEM, for TLS */
  constructor(endpoint, ca) {
    this.#channel = new Channel(endpoint, ca === undefined ? {} : { tls: { ca } });
  }

  /** Opens a stream with a token. */
  async open(token) {
    const cancelling = new AbortController();
    const stream = await step(openRouterStream(this.#channel, { token, signal: cancelling.signal }));
    return {
      send: (text) => step(stream.send(Buffer.from(text))),
      /** Bytes, or "end". */
      receive: async () => (await step(stream.receive())) ?? "end",
      sendBytes: async (count, piece) => {
        const data = Uint8Array.from({ length: piece }, (_, index) => index % 256);
        for (let left = count; left > 0; left -= piece) await step(stream.send(data));
      },
      receiveBytes: async (count) => {
        let received = 0;
        let total = 0;
        while (received < count) {
          const data = await step(stream.receive());
          if (data === undefined) return "end";
          received += data.length;
          for (const byte of data) total = (total + byte) % 2 ** 32;
        }
        return [received, total];
      },
      sendEof: () => step(stream.sendEof()),
      close: async () => {
        await step(stream.sendEof());
        await step(stream.close());
      },
      cancel: async () => cancelling.abort(),
    };
  }

  async kill() {
    await this.#channel.close();
  }
}
