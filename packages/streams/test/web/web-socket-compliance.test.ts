import { describe } from "vitest";
import type { VirtualClock } from "../../src/testing/index.js";
import { streamFromWebSocket, type WebSocketOptions } from "../../src/web/index.js";
import { quickSuite } from "../support/suite.js";
import { turns } from "../support/turns.js";
import { webSocketPair } from "./web-sockets.js";

const settle = (): Promise<void> => turns(20);

async function connect(
  kind: "standard" | "ws",
  clock: VirtualClock,
  options: WebSocketOptions & { type?: "binary" } = {},
) {
  const { client, server, release } = await webSocketPair(kind);
  return {
    first: streamFromWebSocket(client, { clock, ...options }),
    second: streamFromWebSocket(server, { clock, ...options }),
    release,
  };
}

describe("compliance of plain WebSockets of ws", () => {
  quickSuite({ settle, halfClose: "none", connect: (clock) => connect("ws", clock) });
});

describe("compliance of in-band WebSockets of ws", () => {
  quickSuite({ settle, connect: (clock) => connect("ws", clock, { inBand: true }) });
});

describe("compliance of in-band WebSockets, a standard one and one of ws", () => {
  quickSuite({ settle, connect: (clock) => connect("standard", clock, { inBand: true }) });
});
