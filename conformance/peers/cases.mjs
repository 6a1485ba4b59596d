/**
 * The cases that every pair of peers must agree on. A case makes calls (`call(spec)` gives an Outcome) and throws at
 * what is wrong. `needs` names what not every peer can do; `peers/known.mjs` says which cannot, and why.
 */
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { pattern } from "./node/program.mjs";

const text = (value) => Buffer.from(value, "latin1");
const entries = (...pairs) =>
  pairs.map(([key, value]) => ({ key, value: typeof value === "string" ? text(value) : Uint8Array.from(value) }));
const pairs = (list) => list.map(({ key, value }) => [key, Buffer.from(value).toString("latin1")]);
/** Returns the pairs in the order of their keys; values of one key keep their order. */
const byKey = (list) => pairs(list).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const allBytes = Array.from({ length: 256 }, (_, index) => index);
const largeBytes = 16 * 2 ** 20;

const statusOf = ({ code, message }) => `${code} ${JSON.stringify(message)}`;

function expectOk(outcome) {
  assert.equal(outcome.code, 0, `ended with status ${statusOf(outcome)}`);
  return outcome;
}

function expectStatus(outcome, code) {
  assert.equal(outcome.code, code, `ended with status ${statusOf(outcome)} instead of ${code}`);
}

const request = (fields) => ({ replies: 1, ...fields });

/** A method of each kind, called so that each gives at least one reply. */
const kinds = ["Unary", "ServerStream", "ClientStream", "Bidi"];

/** Metadata that is easily lost or changed on its way. */
const awkward = [
  { title: "one value", values: entries(["x-plain", "value"]) },
  {
    title: "several values of one key, in order",
    needs: "duplicates",
    values: entries(["x-dup", "b"], ["x-dup", "a"], ["x-dup", "b"]),
  },
  { title: "commas in a value", values: entries(["x-comma", "a,b, c,,d"]) },
  {
    title: "commas and several values of one key",
    needs: "duplicates",
    values: entries(["x-dup-comma", "a, b"], ["x-dup-comma", "c"], ["x-dup-comma", "d,e"]),
  },
  { title: "an empty value", needs: "emptyText", values: entries(["x-empty", ""]) },
  {
    title: "every printable character of ASCII",
    values: entries(["x-ascii", `!${String.fromCharCode(...allBytes.slice(0x20, 0x7f))}~`]),
  },
  { title: "digits, dots, hyphens and underscores in a key", values: entries(["x-0.9_a-b", "v"]) },
  { title: "a long value", values: entries(["x-long", "v".repeat(4_000)]) },
  { title: "every byte from 0 to 255", values: entries(["x-all-bin", allBytes]) },
  {
    title: "bytes of every length up to 8",
    values: allBytes.slice(1, 9).flatMap((length) => entries([`x-len${length}-bin`, allBytes.slice(-length)])),
  },
  {
    title: "bytes that base64 writes with + and /",
    values: entries(["x-alphabet-bin", [0xfb, 0xef, 0xff, 0xff, 0xfe, 0x3e, 0x3f]]),
  },
  { title: "no bytes", needs: "emptyBytes", values: entries(["x-none-bin", []]) },
  {
    title: "several values of bytes of one key, in order",
    needs: "duplicateBytes",
    values: entries(["x-dup-bin", [2, 0]], ["x-dup-bin", [1]], ["x-dup-bin", [3, 255, 254]]),
  },
  {
    title: "the order across keys",
    needs: "keyOrder",
    ordered: true,
    values: entries(["x-z", "1"], ["x-a", "2"], ["x-m-bin", [3]], ["x-b", "4"], ["x-y", "5"]),
  },
];

/** Yields a case for each of the three places, in a call of each shape that can have metadata there. */
function* metadataCases() {
  for (const { title, needs, values, ordered = false } of awkward) {
    const compare = (actual) =>
      assert.deepEqual(ordered ? pairs(actual) : byKey(actual), ordered ? pairs(values) : byKey(values));
    /**
     * Returns the abilities that a case needs. Some peers can read what they cannot write:
     * `"duplicates in the response"`.
     */
    const needsOf = (place) => (needs === undefined ? [] : [`${needs} in the ${place}`]);
    yield {
      title: `metadata: ${title}, in the request`,
      needs: needsOf("request"),
      async check({ call }) {
        const { replies } = expectOk(await call({ method: "Unary", requests: [request({})], metadata: values }));
        compare(replies[0].metadata);
      },
    };
    for (const method of ["Unary", "Bidi"]) {
      yield {
        title: `metadata: ${title}, as initial metadata of a ${method} call`,
        needs: needsOf("response"),
        async check({ call }) {
          compare(expectOk(await call({ method, requests: [request({ initial: values })] })).initial);
        },
      };
      yield {
        title: `metadata: ${title}, as trailing metadata of a ${method} call`,
        needs: needsOf("response"),
        async check({ call }) {
          compare(expectOk(await call({ method, requests: [request({ trailing: values })] })).trailing);
        },
      };
    }
    yield {
      title: `metadata: ${title}, as trailing metadata of an error`,
      needs: needsOf("response"),
      async check({ call }) {
        const outcome = await call({
          method: "Unary",
          requests: [request({ trailing: values, code: 9, message: "no" })],
        });
        expectStatus(outcome, 9);
        compare(outcome.trailing);
      },
    };
  }
}

function* kindCases() {
  yield {
    title: "a unary call",
    async check({ call }) {
      const { replies } = expectOk(await call({ method: "Unary", requests: [request({ text: "grüße" })] }));
      assert.deepEqual(
        replies.map((reply) => reply.text),
        ["grüße"],
      );
    },
  };
  for (const count of [0, 1, 100]) {
    yield {
      title: `a server stream of ${count} messages`,
      async check({ call }) {
        const { replies } = expectOk(
          await call({ method: "ServerStream", requests: [request({ text: "t", replies: count })] }),
        );
        assert.deepEqual(
          replies.map((reply) => reply.count),
          Array.from({ length: count }, (_, index) => index),
        );
      },
    };
    const requests = Array.from({ length: count }, (_, index) => request({ text: `${index};`, payloadBytes: index }));
    yield {
      title: `a client stream of ${count} messages`,
      async check({ call }) {
        const { replies } = expectOk(await call({ method: "ClientStream", requests }));
        assert.equal(replies.length, 1);
        assert.equal(replies[0].count, count);
        assert.equal(replies[0].text, requests.map((each) => each.text).join(""));
      },
    };
    for (const pingPong of [true, false]) {
      yield {
        title: `both streams of ${count} messages, ${pingPong ? "one after the other" : "at once"}`,
        async check({ call }) {
          const { replies } = expectOk(await call({ method: "Bidi", requests, pingPong }));
          assert.deepEqual(
            replies.map((reply) => reply.text),
            requests.map((each) => each.text),
          );
        },
      };
    }
  }
  for (const method of kinds) {
    yield {
      title: `an empty message in a ${method} call`,
      async check({ call }) {
        const { replies } = expectOk(
          await call({ method, requests: [{ replies: method === "ServerStream" ? 1 : 0 }] }),
        );
        assert.equal(replies.length, 1);
        assert.equal(replies[0].requestBytes, 0);
      },
    };
  }
}

function* errorCases() {
  for (let code = 1; code <= 16; code++) {
    for (const method of kinds) {
      yield {
        title: `status ${code} of a ${method} call`,
        async check({ call }) {
          const outcome = await call({ method, requests: [{ code, message: `status ${code}`, replies: 0 }] });
          expectStatus(outcome, code);
          assert.equal(outcome.message, `status ${code}`);
        },
      };
    }
  }
  const messages = {
    "no message": "",
    "percent signs": "100 % of %41 %",
    umlauts: "größer",
    "four-byte characters": "🚀 \u{10ffff}",
    "line ends": "a\nb\r\nc\t",
  };
  for (const [title, message] of Object.entries(messages)) {
    yield {
      title: `a status message with ${title}`,
      async check({ call }) {
        const outcome = await call({ method: "Unary", requests: [{ code: 3, message }] });
        expectStatus(outcome, 3);
        // Clients may say something of their own where there is nothing.
        if (message !== "") assert.equal(outcome.message, message);
      },
    };
  }
  yield {
    title: "replies before an error come before it",
    async check({ call }) {
      const outcome = await call({ method: "ServerStream", requests: [{ replies: 5, code: 10, message: "enough" }] });
      expectStatus(outcome, 10);
      assert.equal(outcome.replies.length, 5);
    },
  };
  const details = [
    { typeUrl: "type.googleapis.com/google.rpc.RetryInfo", value: Uint8Array.of(10, 2, 8, 5) },
    { typeUrl: "type.googleapis.com/trunkline.peers.v1.Entry", value: Uint8Array.from(allBytes) },
    { typeUrl: "type.googleapis.com/trunkline.peers.v1.Reply", value: new Uint8Array() },
  ];
  for (const method of kinds) {
    yield {
      title: `details of an error of a ${method} call, to the byte`,
      async check({ call }) {
        const outcome = await call({ method, requests: [{ code: 3, message: "see détails", details }] });
        expectStatus(outcome, 3);
        assert.equal(outcome.message, "see détails");
        const plain = (list) => list.map(({ typeUrl, value }) => [typeUrl, Buffer.from(value).toString("hex")]);
        assert.deepEqual(plain(outcome.details), plain(details));
      },
    };
  }
  yield {
    title: "initial and trailing metadata of an error after a reply",
    async check({ call }) {
      const initial = entries(["x-begin", "1"]);
      const trailing = entries(["x-end", "2"]);
      const outcome = await call({ method: "Bidi", requests: [{ initial, trailing, code: 5, message: "gone" }] });
      expectStatus(outcome, 5);
      assert.deepEqual(byKey(outcome.initial), byKey(initial));
      assert.ok(
        byKey(outcome.trailing).some(([key, value]) => key === "x-end" && value === "2"),
        "the trailing metadata is lost",
      );
    },
  };
  yield {
    title: "a service that the server does not have is UNIMPLEMENTED",
    async check({ call }) {
      expectStatus(await call({ method: "Missing", requests: [{}] }), 12);
    },
  };
}

/** Waits until a handler has been cancelled under that name. */
async function expectCancelled(call, name) {
  let cancelled = 0;
  for (let attempt = 0; attempt < 100 && cancelled === 0; attempt++) {
    if (attempt > 0) await sleep(50);
    cancelled = expectOk(await call({ method: "Seen", requests: [{ text: name }] })).seen.cancelled;
  }
  assert.equal(cancelled, 1, `the handler was cancelled ${cancelled} times`);
}

function* cancellationCases() {
  for (const method of kinds) {
    yield {
      title: `a cancelled ${method} call ends with CANCELLED, and its handler hears of it`,
      async check({ call }) {
        const hang = randomUUID();
        expectStatus(await call({ method, requests: [{ hang, replies: 0 }], cancelAfterMs: 300 }), 1);
        await expectCancelled(call, hang);
      },
    };
    yield {
      title: `a deadline that passes in a ${method} call ends it with DEADLINE_EXCEEDED, and its handler hears of it`,
      async check({ call }) {
        const hang = randomUUID();
        const startedMs = performance.now();
        expectStatus(await call({ method, requests: [{ hang, replies: 0 }], timeoutMs: 300 }), 4);
        const tookMs = performance.now() - startedMs;
        assert.ok(tookMs > 250 && tookMs < 5_000, `it took ${Math.round(tookMs)} ms`);
        await expectCancelled(call, hang);
      },
    };
  }
  for (const method of ["ServerStream", "Bidi"]) {
    yield {
      title: `a ${method} call cancelled after a reply ends with CANCELLED, and its handler hears of it`,
      async check({ call }) {
        const hang = randomUUID();
        const outcome = await call({ method, requests: [{ hang, replies: 1 }], cancelAfterReplies: 1 });
        expectStatus(outcome, 1);
        assert.equal(outcome.replies.length, 1);
        await expectCancelled(call, hang);
      },
    };
  }
  yield {
    title: "the connection serves on after calls were cancelled",
    async check({ call }) {
      for (let count = 0; count < 20; count++) {
        await call({ method: "Bidi", requests: [{ hang: randomUUID() }], cancelAfterReplies: 1 });
        expectOk(await call({ method: "Unary", requests: [{}] }));
      }
    },
  };
}

function* deadlineCases() {
  for (const timeoutMs of [2_000, 60_000, 3_600_000, 90_000_000]) {
    yield {
      title: `a handler is told of a deadline in ${timeoutMs} ms`,
      async check({ call }) {
        const startedMs = performance.now();
        const { replies } = expectOk(await call({ method: "Unary", requests: [{}], timeoutMs }));
        const tookMs = performance.now() - startedMs;
        const told = replies[0].timeoutMs;
        // Some peers round to two or three digits. grpclib cuts to whole seconds, so that up to a second is gone before
        // the call is on its way; the handler is then told what is left after the way, which the call's time bounds.
        const rounding = Math.max(1_000, timeoutMs / 100);
        assert.ok(told <= timeoutMs + rounding, `it was told ${told} ms`);
        assert.ok(told >= timeoutMs - rounding - tookMs, `it was told ${told} ms in a call of ${tookMs} ms`);
      },
    };
  }
  yield {
    title: "no deadline is none",
    async check({ call }) {
      const { replies } = expectOk(await call({ method: "Unary", requests: [{}] }));
      assert.equal(replies[0].timeoutMs, -1);
    },
  };
}

function* messageCases() {
  const wanted = sha256(pattern(largeBytes));
  const large = { payloadBytes: largeBytes, replyBytes: largeBytes };
  for (const method of kinds) {
    yield {
      title: `16 MiB each way in a ${method} call`,
      async check({ call }) {
        const { replies } = expectOk(await call({ method, requests: [request(large)] }));
        assert.equal(replies.length, 1);
        assert.deepEqual([replies[0].requestBytes, replies[0].requestSha256], [largeBytes, wanted]);
        assert.deepEqual([replies[0].replyBytes, replies[0].replySha256], [largeBytes, wanted]);
      },
    };
  }
}

/** The pattern repeats, so that gzip makes little of this. */
const compressibleBytes = 2 ** 20;

function* compressionCases() {
  const wanted = sha256(pattern(compressibleBytes));
  for (const method of kinds) {
    yield {
      title: `gzip of the request of a ${method} call`,
      needs: ["compressRequests"],
      async check({ call, traffic }) {
        const requests = [request({ payloadBytes: compressibleBytes })];
        const before = await traffic();
        const outcome = expectOk(await call({ method, requests, compress: true }));
        const after = await traffic(outcome);
        assert.deepEqual(
          [outcome.replies[0].requestBytes, outcome.replies[0].requestSha256],
          [compressibleBytes, wanted],
        );
        const bytes = after.toServer - before.toServer;
        assert.ok(bytes < compressibleBytes / 4, `it took ${bytes} bytes on the wire`);
      },
    };
    yield {
      title: `gzip of the reply to a ${method} call`,
      needs: ["compressReplies"],
      async check({ call, traffic }) {
        // connect-node's client and grpc-go's server answer compression with compression; others are asked.
        const requests = [request({ replyBytes: compressibleBytes, compress: true })];
        const before = await traffic();
        const outcome = expectOk(await call({ method, requests }));
        const after = await traffic(outcome);
        assert.deepEqual([outcome.replies[0].replyBytes, outcome.replies[0].replySha256], [compressibleBytes, wanted]);
        const bytes = after.toClient - before.toClient;
        assert.ok(bytes < compressibleBytes / 4, `it took ${bytes} bytes on the wire`);
      },
    };
  }
}

/**
 * @typedef {{ readonly title: string, readonly needs?: readonly string[], check(peers: { call(spec: object):
 * Promise<object>, traffic(): Promise<object> }): Promise<void> }} PeerCase
 */

/** @type {readonly PeerCase[]} */
export const peerCases = [
  ...kindCases(),
  ...metadataCases(),
  ...errorCases(),
  ...cancellationCases(),
  ...deadlineCases(),
  ...compressionCases(),
  ...messageCases(),
];
