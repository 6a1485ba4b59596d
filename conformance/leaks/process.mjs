/**
 * Both ends of the calls in one process, so that what either of them keeps is seen:
 * `node --expose-gc process.mjs SCENARIO COUNT WARM_UP`. Prints what there is before and after, as JSON. `WARM_UP` of
 * the same are done before: the compiler goes on to optimise for a long time, and what it makes stays.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Channel, createClient, Deadline, GrpcError, Server, Status } from "@trunkline/grpc";
import { bytesMethodsOf } from "../lib/bytes-method.mjs";

const typeName = "leaks.Service";
const method = bytesMethodsOf(typeName);
const service = {
  typeName,
  methods: {
    echo: method("Echo", "unary"),
    fail: method("Fail", "unary"),
    hang: method("Hang", "unary"),
    missing: method("Missing", "unary"),
    chat: method("Chat", "bidi_streaming"),
    failingChat: method("FailingChat", "bidi_streaming"),
  },
};
const { missing: _, ...served } = service.methods;

const body = new Uint8Array(32);
const metadata = { "x-id": "1", "x-bytes-bin": body };

const server = new Server({ onError: () => {} }).add(
  { ...service, methods: served },
  {
    echo: (request) => request,
    fail: () => {
      throw new GrpcError(Status.FAILED_PRECONDITION, "as asked", { metadata });
    },
    hang: (_request, call) =>
      new Promise((_, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason))),
    async *chat(requests) {
      for await (const request of requests) yield request;
    },
    async *failingChat(requests) {
      for await (const request of requests) {
        yield request;
        throw new GrpcError(Status.ABORTED, "in the middle");
      }
    },
  },
);

async function expectStatus(promise, status) {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  if (error?.status !== status) throw new Error(`expected status ${status}, but the call ended with ${error}`);
}

/** A way for a call to end, by its number: every other one well. */
const unaryCalls = [
  async (client) => void (await client.echo(body)),
  (client) => expectStatus(client.fail(body, { metadata }), Status.FAILED_PRECONDITION),
  async (client) => void (await client.echo(body, { metadata, deadline: Deadline.after(60_000) })),
  async (client) => {
    const call = client.hang.open();
    await call.send(body);
    call.cancel();
    await expectStatus(call.receive(), Status.CANCELLED);
  },
  async (client) => void (await client.echo(body)),
  async (client) => {
    const controller = new AbortController();
    const reply = client.echo(body, { signal: controller.signal });
    controller.abort();
    await expectStatus(reply, Status.CANCELLED);
  },
  async (client) => {
    const controller = new AbortController();
    await client.echo(body, { signal: controller.signal });
  },
  (client) => expectStatus(client.missing(body), Status.UNIMPLEMENTED),
  async (client) => void (await client.echo(body)),
  (client) => expectStatus(client.hang(body, { deadline: Deadline.after(2) }), Status.DEADLINE_EXCEEDED),
];

const streams = [
  async (client) => {
    let count = 0;
    for await (const _reply of client.chat([body, body, body])) count += 1;
    if (count !== 3) throw new Error(`${count} replies came instead of 3`);
  },
  async (client) => {
    const call = client.chat.open({ metadata });
    await call.send(body);
    await call.receive();
    call.cancel();
    await expectStatus(call.receive(), Status.CANCELLED);
  },
  async (client) => {
    const call = client.chat.open({ deadline: Deadline.after(60_000) });
    for (let index = 0; index < 3; index++) {
      await call.send(body);
      await call.receive();
    }
    await call.sendEof();
    await call.receiveTrailingMetadata();
  },
  async (client) => {
    const call = client.failingChat.open();
    await call.send(body);
    await call.receive();
    await expectStatus(call.receive(), Status.ABORTED);
  },
  async (client) => {
    for await (const _reply of client.chat([body]));
  },
  async (client) => {
    // Nobody looks at what comes.
    const call = client.chat.open();
    await call.send(body);
    await call[Symbol.asyncDispose]();
  },
];

const inFlight = 100;

/** @param {readonly ((client: object) => Promise<void>)[]} ways */
function callsOf(ways) {
  return async (target) => {
    const channel = new Channel(target);
    const client = createClient(service, channel);
    return {
      async work(count) {
        let next = 0;
        const worker = async () => {
          while (next < count) await ways[next++ % ways.length](client);
        };
        await Promise.all(Array.from({ length: inFlight }, worker));
      },
      close: () => channel.close(),
    };
  };
}

/** Connections that end in every way, each with calls on it. */
async function connections(target, sockets) {
  const [host, port] = target.split(":");
  const ways = [
    async (channel, client) => {
      await client.echo(body);
      await channel.close();
    },
    // The server's side vanishes under a call.
    async (channel, client, socket) => {
      await client.echo(body);
      const call = client.hang.open();
      await call.send(body);
      socket().destroy();
      await expectStatus(call.receive(), Status.UNAVAILABLE);
      await channel.close();
    },
    // And the client's.
    async (channel, client, socket) => {
      const call = client.chat.open();
      await call.send(body);
      await call.receive();
      socket().resetAndDestroy();
      await expectStatus(call.receive(), Status.UNAVAILABLE);
      await channel.close();
    },
    async (channel, client) => {
      const call = client.hang.open();
      await call.send(body);
      await channel.close({ closeTimeoutMs: 0 });
      await expectStatus(call.receive(), Status.UNAVAILABLE);
    },
  ];
  const { connect } = await import("node:net");
  const one = async (index) => {
    let clientSide;
    const dial = async () => {
      clientSide = connect({ host, port: Number(port) });
      await once(clientSide, "connect");
      return clientSide;
    };
    const channel = new Channel({ connect: dial });
    const sideOfServer = () => sockets.get(clientSide.localPort);
    await ways[index % ways.length](
      channel,
      createClient(service, channel),
      index % 2 === 1 ? sideOfServer : () => clientSide,
    );
  };
  return {
    async work(count) {
      let next = 0;
      const worker = async () => {
        while (next < count) await one(next++);
      };
      await Promise.all(Array.from({ length: 20 }, worker));
    },
    close: async () => {},
  };
}

/** Channels that are used and then neither closed nor kept. */
async function forgotten(target) {
  const channels = [];
  const clients = [];
  const useOne = async () => {
    const channel = new Channel(target);
    const client = createClient(service, channel);
    await client.echo(body);
    await expectStatus(client.fail(body), Status.FAILED_PRECONDITION);
    channels.push(new WeakRef(channel));
    clients.push(new WeakRef(client));
  };
  return {
    async work(count) {
      for (let index = 0; index < count; index++) await useOne();
    },
    left: () => [...channels, ...clients].filter((reference) => reference.deref() !== undefined).length,
    close: async () => {},
  };
}

const scenarios = { unary: callsOf(unaryCalls), streams: callsOf(streams), connections, forgotten };

/** Measures what is left when everything that can end has had the time to. */
async function measure() {
  let heapBytes = Number.POSITIVE_INFINITY;
  // Until it falls no more: finalizers, sockets that close and timers that are let go need turns of their own.
  for (let round = 0; round < 20; round++) {
    await sleep(100);
    globalThis.gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const now = heapUsed + arrayBuffers;
    if (round >= 5 && now > heapBytes - 20_000) break;
    heapBytes = Math.min(heapBytes, now);
  }
  const handles = {};
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
  return { heapBytes, handles };
}

const [name, ...counts] = process.argv.slice(2);
const [count, warmUp] = counts.map(Number);
const sockets = new Map();
const listener = createServer({ noDelay: true }, (socket) => {
  const { remotePort } = socket;
  sockets.set(remotePort, socket);
  socket.once("close", () => sockets.delete(remotePort));
  void server.serve(socket);
});
listener.listen(0, "127.0.0.1", 1_000);
await once(listener, "listening");

const { work, close, left = () => 0 } = await scenarios[name](`127.0.0.1:${listener.address().port}`, sockets);
await work(warmUp);
const before = await measure();
const startedMs = performance.now();
await work(count);
const tookMs = Math.round(performance.now() - startedMs);
const after = await measure();
console.log(JSON.stringify({ before, after, tookMs, left: left(), connections: sockets.size }));
await close();
await server.close();
listener.close();
