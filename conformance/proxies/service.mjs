/** The service behind the proxies: every kind of call, every way in which one ends. */
import { setTimeout as sleep } from "node:timers/promises";
import { GrpcError, Server, Status } from "@trunkline/grpc";
import { ErrorInfoSchema } from "@trunkline/grpc/details";
import { bytesMethodsOf } from "../lib/bytes-method.mjs";

const typeName = "proxies.v1.Peer";
const method = bytesMethodsOf(typeName);

export const Peer = {
  typeName,
  methods: {
    /** Gives the request back, with the metadata `seen-*` as it came. */
    echo: method("Echo", "unary"),
    /** Fails with the status that is asked for in the metadata, after as many messages. */
    fail: method("Fail", "server_streaming"),
    /** Gives back each message as it comes. */
    chat: method("Chat", "bidi_streaming"),
    /** Counts the bytes of the requests. */
    swallow: method("Swallow", "client_streaming"),
    /** Gives as many bytes as are asked for in the metadata, in messages of 64 KiB. */
    give: method("Give", "server_streaming"),
    /** Ends with OK before the client has sent all. */
    leaveEarly: method("LeaveEarly", "bidi_streaming"),
    /** Waits for its end, and counts it. */
    hang: method("Hang", "unary"),
  },
};

export const messageBytes = 65_536;

/** More header fields than by default, so that the proxies' limits are met before. */
const http2 = { settings: { maxHeaderListSize: 128 * 1024 } };

const utf8 = new TextEncoder();

/** Gives back the fields that begin with "seen-". */
function mirror(call, metadata) {
  for (const [key, value] of call.metadata) if (key.startsWith("seen-")) metadata.append(key, value);
}

export class PeerServer {
  /** The calls of `hang` that have ended, by the name that each was given. @type {Set<string>} */
  cancelled = new Set();
  /** The calls that handlers began to work on, by the number that each was given. @type {Set<string>} */
  begun = new Set();
  address = "";
  #server;
  #port = 0;

  static async start() {
    const peer = new PeerServer();
    await peer.listen();
    return peer;
  }

  /** Listens again on the same port. */
  async listen() {
    this.#server = this.#build();
    this.address = await this.#server.listen(`127.0.0.1:${this.#port}`);
    this.#port = Number(this.address.split(":").at(-1));
  }

  get port() {
    return this.#port;
  }

  /** @param {number} closeTimeoutMs */
  close(closeTimeoutMs = 1_000) {
    return this.#server.close({ closeTimeoutMs });
  }

  #build() {
    return new Server({ http2 }).add(Peer, {
      echo: async (request, call) => {
        const number = call.metadata.get("number");
        if (number !== undefined) this.begun.add(number);
        const metadata = {};
        for (const [key, value] of call.metadata) if (key.startsWith("seen-")) metadata[key] = value;
        await call.sendInitialMetadata(metadata);
        mirror(call, call.trailingMetadata);
        const workMs = Number(call.metadata.get("work-ms") ?? 0);
        if (workMs > 0) await sleep(workMs);
        return request;
      },
      async *fail(request, call) {
        for (let left = Number(call.metadata.get("messages")); left > 0; left -= 1) yield request;
        throw new GrpcError(Number(call.metadata.get("code")), "nicht möglich: 100 % \u{1f6a7}\nline two", {
          metadata: { "reason-bin": new Uint8Array([0, 255, 10]) },
          details: [[ErrorInfoSchema, { reason: "TEST", domain: "example.org", metadata: {} }]],
        });
      },
      chat: {
        async open(call) {
          await call.sendInitialMetadata({});
          for await (const message of call) await call.send(message);
        },
      },
      async swallow(requests) {
        let bytes = 0;
        for await (const request of requests) bytes += request.length;
        return utf8.encode(String(bytes));
      },
      async *give(_request, call) {
        const message = new Uint8Array(messageBytes).fill(7);
        for (let left = Number(call.metadata.get("bytes")); left > 0; left -= messageBytes) yield message;
      },
      leaveEarly: {
        async open(call) {
          await call.receive();
          call.trailingMetadata.set("left", "early");
          await call.send(utf8.encode("enough"));
        },
      },
      hang: async (_request, call) => {
        await new Promise((resolve) => call.signal.addEventListener("abort", resolve, { once: true }));
        this.cancelled.add(call.metadata.get("name"));
        throw new GrpcError(Status.CANCELLED, "the client is gone");
      },
    });
  }
}
