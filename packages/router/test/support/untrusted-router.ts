/**
 * A router that is not trusted: it answers the dialler as the listener would, and the listener as the dialler would,
 * and passes their bytes on as a test wants it.
 */
import type { Channel } from "@trunkline/grpc";
import { exchangeClient } from "../../src/connect/clients.js";
import { openRouterStream, ownFeatures, type RouterStream } from "../../src/index.js";
import { testRouter } from "./router.js";

const tls: readonly string[] = [...ownFeatures, "tls"];
const peerFeatures = new Set(ownFeatures);

/** Dials as a peer that names these features, and returns the bare stream. */
export async function bareDial(channel: Channel, token: string, name: string, features = tls): Promise<RouterStream> {
  const metadata = { authorization: `Bearer ${token}` };
  const answer = await exchangeClient(channel).dial({ name, features: [...features], waitMs: 5_000 }, { metadata });
  return openRouterStream(channel, { token: answer.token, peerFeatures });
}

/** Listens as a peer that names these features; returns the function that takes the next bare stream. */
async function bareListen(channel: Channel, token: string, name: string, features = tls) {
  const call = exchangeClient(channel).listen.open({ metadata: { authorization: `Bearer ${token}` } });
  await call.start();
  await call.send({ name, features: [...features] });
  await call.receive();
  return async (): Promise<RouterStream> => {
    const offer = await call.receive();
    if (offer?.event.case !== "offer") throw new Error("an offer was expected");
    return openRouterStream(channel, { token: offer.event.value.token, peerFeatures });
  };
}

export interface Passing {
  /** The name under which the listener is dialled. Default: the one that the dialler dials, `web`. */
  readonly name?: string;
  /** The features of the dialler, as the listener is told. */
  readonly diallerFeatures?: readonly string[];
  /** The features of the listener, as the dialler is told. */
  readonly listenerFeatures?: readonly string[];
  /** Returns the bytes that go on in place of these; undefined ends the direction there, as if it were complete. */
  pass?(bytes: Uint8Array, from: "dialler" | "listener"): Uint8Array | undefined;
}

/** Returns two routers, one for each side, with an attacker between them, who begins with the first dial of `web`. */
export async function untrustedRouter({ name = "web", diallerFeatures, listenerFeatures, pass }: Passing = {}) {
  const [near, far] = [testRouter(), testRouter()];
  const seen: Buffer[] = [];
  const token = (test: typeof near) => test.router.mintToken({ identity: "attacker", lifetimeMs: 60_000 });
  const next = await bareListen(near.connect(), await token(near), "web", listenerFeatures);
  const forward = async (from: RouterStream, to: RouterStream, side: "dialler" | "listener"): Promise<void> => {
    try {
      for await (const bytes of from) {
        seen.push(Buffer.from(bytes));
        const passed = pass === undefined ? bytes : pass(bytes, side);
        if (passed === undefined) break;
        await to.send(passed);
      }
      await to.sendEof();
    } catch (error) {
      to.abort(error);
    }
  };
  const run = async (): Promise<void> => {
    const dialler = await next();
    const listener = await bareDial(far.connect(), await token(far), name, diallerFeatures);
    await Promise.all([forward(dialler, listener, "dialler"), forward(listener, dialler, "listener")]);
  };
  return {
    near,
    far,
    /** Returns what the attacker has seen, as Latin-1. */
    seen: () => Buffer.concat(seen).toString("latin1"),
    run: () => void run().catch(() => {}),
    async [Symbol.asyncDispose]() {
      await Promise.all([near[Symbol.asyncDispose](), far[Symbol.asyncDispose]()]);
    },
  };
}
