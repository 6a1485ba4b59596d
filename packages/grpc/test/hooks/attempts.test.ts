import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type AttemptHooks,
  type CallAttempt,
  type CallHooks,
  createClient,
  type Interceptor,
  Server,
  type ServerCall,
  Status,
} from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, RawClient, rejection, until } from "../support.js";
import { cleanup, fail, reported, serve, withClient, withServer } from "./support.js";

afterEach(cleanup);

describe("the hook for attempts", () => {
  it("is called before the connection is there, and ends before the call does", async () => {
    const log: string[] = [];
    const noting: Interceptor = () => ({
      onRequest: () => void log.push("request"),
      onAttempt() {
        log.push("attempt");
        return {
          onStream: (waited) => void log.push(`stream, waited: ${waited}`),
          onMessageSent: ({ bytes }) => void log.push(`sent ${bytes}`),
          onMessageReceived: ({ bytes }) => void log.push(`received ${bytes}`),
          onEnd: ({ status }) => void log.push(`attempt ended ${status}`),
        };
      },
      onConnection: () => void log.push("connection"),
      onEnd: () => void log.push("end"),
    });
    const client = withClient([noting]);
    await client.say({ text: "x" });
    const rest = ["sent 3", "received 3", "attempt ended 0", "end"];
    expect(log).toEqual(["request", "attempt", "connection", "stream, waited: true", ...rest]);
    log.length = 0;
    await client.say({ text: "x" });
    expect(log).toEqual(["request", "attempt", "connection", "stream, waited: false", ...rest]);
  });

  it("changes the metadata of this attempt, not of the call", async () => {
    const seen: unknown[] = [];
    const say = (_: unknown, { metadata }: { metadata: { getAll(key: string): unknown } }): object => {
      seen.push(metadata.getAll("attempt"), metadata.getAll("call"));
      return {};
    };
    let attempt: CallAttempt | undefined;
    const client = withClient(
      [
        () => ({
          onAttempt(given) {
            attempt = given;
            given.metadata.append("attempt", "1");
            return undefined;
          },
        }),
      ],
      { ...echo, say },
    );
    await client.say({}, { metadata: { call: "c" } });
    expect(seen).toEqual([["1"], ["c"]]);
    expect(attempt).toMatchObject({ previousAttempts: 0, transparent: false });
  });

  it("fails the call with what it throws, at either side", async () => {
    const interceptors: Interceptor[] = [() => ({ onAttempt: fail })];
    expect((await rejection(withClient(interceptors).say({}))).status).toBe(Status.INTERNAL);
    await cleanup();
    expect((await rejection(withServer(interceptors).say({}))).status).toBe(Status.UNKNOWN);
    expect(reported.map(({ message }) => message)).toEqual(["no"]);
  });

  it("affects nothing by what the attempt's own hooks throw, which is reported", async () => {
    const failing: Interceptor = () => ({
      onAttempt: () => ({ onStream: fail, onMessageSent: fail, onMessageReceived: fail, onEnd: fail }),
    });
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    try {
      await withClient([failing]).say({});
      expect(warned).toHaveBeenCalledTimes(4);
    } finally {
      warned.mockRestore();
    }
    await cleanup();
    await withServer([failing]).say({});
    await until(() => reported.length === 3, "three reports");
  });
});

describe("onRejected of an interceptor", () => {
  it("hears of requests that get no call, and cannot change the answer by an error", async () => {
    const heard: unknown[] = [];
    const interceptor: Interceptor = Object.assign(() => undefined, {
      onRejected(request: object) {
        heard.push(request);
        throw new Error("no");
      },
    });
    const errors: unknown[] = [];
    const { channel } = serve([[Echo, { say: echo.say }]], {
      server: { interceptors: [interceptor], onError: (error) => void errors.push(error) },
    });
    expect((await rejection(createClient(Echo, channel).collect([]))).status).toBe(Status.UNIMPLEMENTED);
    expect(heard).toEqual([{ path: "/trunkline.test.v1.Echo/Collect", known: false, status: Status.UNIMPLEMENTED }]);
    expect(errors).toHaveLength(1);
  });

  it("knows a method of the server whose request has unusable headers", async () => {
    const heard: unknown[] = [];
    const interceptor: Interceptor = Object.assign(() => undefined, {
      onRejected: (request: object) => void heard.push(request),
    });
    await using server = new Server({ interceptors: [interceptor] }).add(Echo, echo);
    const raw = new RawClient();
    void server.serve(raw.serverSide);
    raw.request("/trunkline.test.v1.Echo/Say", { "grpc-timeout": "soon" }, true);
    await until(() => heard.length === 1, "the rejection");
    expect(heard).toEqual([{ path: "/trunkline.test.v1.Echo/Say", known: true, status: Status.INTERNAL }]);
    raw.driver.destroy();
  });
});

describe("a hook that is an async function", () => {
  const no = (): Promise<never> => Promise.reject(new Error("no"));
  const unawaited = {
    onConnection: no,
    onInitialMetadata: no,
    onStatus: no,
    onEnd: no,
  } as unknown as CallHooks;
  const ofAttempt = { onStream: no, onMessageSent: no, onMessageReceived: no, onEnd: no } as unknown as AttemptHooks;
  const failing: Interceptor = () => ({ ...unawaited, onAttempt: () => ofAttempt });

  it("is not waited for, and its rejection is reported: at a client as a warning, at a server to onError", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    try {
      await withClient([failing]).say({});
      await until(() => warned.mock.calls.length === 8, "eight warnings");
    } finally {
      warned.mockRestore();
    }
    await cleanup();
    await withServer([failing]).say({});
    await until(() => reported.length === 6, "six reports");
    expect(new Set(reported.map(({ message }) => message))).toEqual(new Set(["no"]));
  });

  it("fails the call where its result is needed at once: an interceptor, and the hook for attempts", async () => {
    for (const [what, interceptor] of [
      ["an interceptor", no],
      ["onAttempt", () => ({ onAttempt: no })],
    ] as const) {
      const given = [interceptor as unknown as Interceptor];
      const error = await rejection(withClient(given).say({}));
      expect(error).toMatchObject({
        status: Status.INTERNAL,
        message: `${what} returned a promise: only onRequest may wait`,
      });
      await cleanup();
      expect((await rejection(withServer(given).say({}))).status).toBe(Status.INTERNAL);
      await cleanup();
    }
  });

  it("of a request without a call, and for errors, ends no process", async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown): Promise<never> => {
      errors.push(error);
      return no();
    };
    const interceptor = Object.assign(() => undefined, { onRejected: no }) as unknown as Interceptor;
    const { channel } = serve([[Echo, { say: echo.say }]], { server: { interceptors: [interceptor], onError } });
    expect((await rejection(createClient(Echo, channel).collect([]))).status).toBe(Status.UNIMPLEMENTED);
    await until(() => errors.length === 1, "the report");
    expect(errors).toMatchObject([{ message: "no" }]);
  });

  it("given to a call for its metadata, ends the call with what it rejects with, as if it had thrown", async () => {
    const held = { ...echo, say: (): Promise<object> => new Promise(() => {}) };
    for (const name of ["onInitialMetadata", "onTrailingMetadata"] as const) {
      const client = withClient([], name === "onInitialMetadata" ? { ...held, say: sendInitial } : echo);
      const options = { [name]: no } as object;
      if (name === "onInitialMetadata") expect((await rejection(client.say({}, options))).message).toContain("no");
      else await client.say({}, options);
      await cleanup();
    }
  });
});

/** A handler that sends initial metadata and never ends. */
async function sendInitial(_: unknown, call: ServerCall<{}, {}>): Promise<object> {
  await call.sendInitialMetadata({ a: "1" });
  return await new Promise(() => {});
}
