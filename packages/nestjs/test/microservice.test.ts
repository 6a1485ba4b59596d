import { Metadata as GrpcJsMetadata } from "@grpc/grpc-js";
import { RpcException } from "@nestjs/microservices";
import { Status } from "@trunkline/grpc";
import { Metadata } from "@trunkline/metadata";
import {
  EMPTY,
  firstValueFrom,
  from,
  lastValueFrom,
  map,
  NEVER,
  Observable,
  of,
  Subject,
  throwError,
  toArray,
} from "rxjs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../../base/test/support/waiting.js";
import {
  GrpcMetadata,
  GrpcServer,
  type GrpcServerCall,
  type GrpcServerDuplex,
  GrpcServiceError,
} from "../src/index.js";
import { type Handlers, protoPath, type Running, run } from "./support.js";

type ById = { id: number };

let running: Running | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(handlers: Handlers, ...options: [object?, object?]): Promise<Running> {
  running = await run(handlers, ...options);
  return running;
}

/** Returns the error with which an observable ends. */
async function errorOf(source: Observable<unknown>): Promise<GrpcServiceError> {
  try {
    await lastValueFrom(source, { defaultValue: undefined });
  } catch (error) {
    return error as GrpcServiceError;
  }
  throw new Error("the observable completed");
}

const all = <T>(source: Observable<T>): Promise<T[]> => firstValueFrom(source.pipe(toArray()));

describe("a handler of @GrpcMethod", () => {
  it("answers with a value, a promise or an observable", async () => {
    const results: unknown[] = [
      { id: 1 },
      Promise.resolve({ id: 2 }),
      of({ id: 3 }, { id: 4 }),
      Promise.resolve(of({ id: 5 })),
    ];
    const { heroes } = await start({ FindOne: ["unary", () => results.shift()] });
    const ids: number[] = [];
    for (let index = 0; index < 4; index++) ids.push((await firstValueFrom(heroes.findOne({ id: 0 }))).id);
    expect(ids).toEqual([1, 2, 3, 5]);
  });

  it("is found by the name of the method in camel case, and by the service with its package", async () => {
    const { client } = await start({ findOne: ["unary", ({ id }: ById) => ({ id })] });
    const heroes = client.getService<{ FindOne(request: ById): Observable<ById> }>("hero.HeroService");
    expect(await firstValueFrom(heroes.FindOne({ id: 7 }))).toMatchObject({ id: 7 });
  });

  it("sees metadata as that of grpc-js, and sends some before its answer", async () => {
    const seen: unknown[] = [];
    const { heroes, client } = await start({
      FindOne: [
        "unary",
        (_: ById, metadata: GrpcMetadata, call: GrpcServerCall) => {
          seen.push(metadata.get("who"), metadata.get("raw-bin"), metadata.getMap()["who"], call.getPath());
          const initial = new GrpcMetadata();
          initial.set("first", "1");
          call.sendMetadata(initial);
          return { id: 1 };
        },
      ],
    });
    const metadata = new GrpcJsMetadata();
    metadata.add("who", "a");
    metadata.add("who", "b");
    metadata.set("raw-bin", Buffer.from([1, 2]));
    await firstValueFrom(heroes.findOne({ id: 1 }, metadata));
    expect(seen).toEqual([["a", "b"], [Buffer.from([1, 2])], "a", "/hero.HeroService/FindOne"]);
    const own = new GrpcMetadata({ who: "c" });
    let first: unknown;
    await firstValueFrom(
      heroes.findOne({ id: 1 }, own, {
        onInitialMetadata(given: { get(key: string): unknown }) {
          first = given.get("first");
        },
      }),
    );
    expect(seen[4]).toEqual(["c"]);
    expect(first).toBe("1");
    expect(client.unwrap()).toHaveProperty("target");
  });

  it("sees metadata that is of another copy of its package (connect-es#544)", async () => {
    const seen: unknown[] = [];
    const { heroes } = await start({
      FindOne: ["unary", ({ id }: ById, metadata: GrpcMetadata) => ({ id: id + seen.push(metadata.get("who")) })],
    });
    vi.resetModules();
    const copy = await import("@trunkline/metadata");
    expect(copy.Metadata).not.toBe(Metadata);
    await firstValueFrom(heroes.findOne({ id: 1 }, new copy.Metadata({ who: "a" })));
    expect(seen).toEqual([["a"]]);
  });

  it("fails with the code, text and metadata of an RpcException, whose number and text the caller sees", async () => {
    const metadata = new GrpcMetadata({ hint: "look elsewhere" });
    const { heroes } = await start({
      FindOne: [
        "unary",
        () => {
          throw new RpcException({ code: Status.NOT_FOUND, message: "no such hero", metadata } as object);
        },
      ],
    });
    const error = await errorOf(heroes.findOne({ id: 1 }));
    expect(error).toBeInstanceOf(GrpcServiceError);
    expect(error).toMatchObject({ code: 5, details: "no such hero", message: "5 NOT_FOUND: no such hero" });
    expect(error.metadata.get("hint")).toEqual(["look elsewhere"]);
  });

  it("fails with UNKNOWN and without its text for any other error, and for text", async () => {
    const thrown: unknown[] = [
      new Error("secret"),
      new RpcException("said"),
      new RpcException({ code: 99, message: "odd" } as object),
    ];
    const { heroes } = await start({
      FindOne: [
        "unary",
        () => {
          throw thrown.shift();
        },
      ],
    });
    const errors: unknown[] = [];
    for (let index = 0; index < 3; index++) {
      const { code, details } = await errorOf(heroes.findOne({ id: 1 }));
      errors.push([code, details]);
    }
    expect(errors).toEqual([
      [2, "Internal server error"],
      [2, "said"],
      [2, "odd"],
    ]);
  });

  it("fails with INTERNAL where it gives no message, and does not hang", async () => {
    const { heroes } = await start({ FindOne: ["unary", () => EMPTY] });
    expect(await errorOf(heroes.findOne({ id: 1 }))).toMatchObject({ code: Status.INTERNAL });
  });

  it("hears that its call was cancelled, and its observable is left", async () => {
    let call: GrpcServerCall | undefined;
    let left = false;
    const source = new Subject<ById>();
    const { heroes } = await start({
      FindOne: [
        "unary",
        (_: ById, _metadata: GrpcMetadata, given: GrpcServerCall) => {
          call = given;
          given.on("cancelled", () => {
            left = true;
          });
          return source;
        },
      ],
    });
    const subscription = heroes.findOne({ id: 1 }).subscribe();
    await until(() => source.observed, "the handler");
    subscription.unsubscribe();
    await until(() => left && !source.observed, "the cancellation");
    expect(call?.cancelled).toBe(true);
  });

  it("ends at the deadline of the caller, which it can see", async () => {
    let deadline: unknown;
    const { heroes } = await start({
      FindOne: [
        "unary",
        (_: ById, _metadata: GrpcMetadata, call: GrpcServerCall) => {
          deadline = call.getDeadline();
          return NEVER;
        },
      ],
    });
    const error = await errorOf(heroes.findOne({ id: 1 }, { timeoutMs: 50 }));
    expect(error.code).toBe(Status.DEADLINE_EXCEEDED);
    await until(() => deadline !== undefined, "the handler");
    expect(deadline).toBeInstanceOf(Date);
  });

  it("streams the values of its observable, and stops when the caller leaves", async () => {
    const source = new Subject<ById>();
    let streams = 0;
    const { heroes } = await start({
      FindAll: ["unary", () => (streams++ === 0 ? from([{ id: 1 }, { id: 2 }]) : source)],
    });
    expect((await all(heroes.findAll({ id: 1 }))).map(({ id }) => id)).toEqual([1, 2]);
    const seen: number[] = [];
    const subscription = heroes.findAll({ id: 1 }).subscribe(({ id }) => seen.push(id));
    await until(() => source.observed, "the handler");
    source.next({ id: 3 });
    await until(() => seen.length === 1, "a value");
    subscription.unsubscribe();
    await until(() => !source.observed, "the handler's observable to be left");
  });

  it("gives the values before an error, then the error", async () => {
    const { heroes } = await start({
      FindAll: [
        "unary",
        () =>
          new Observable<ById>((subscriber) => {
            subscriber.next({ id: 1 });
            subscriber.error(new RpcException({ code: Status.ABORTED, message: "midway" }));
          }),
      ],
    });
    const seen: number[] = [];
    const error = await errorOf(heroes.findAll({ id: 1 }).pipe(map(({ id }) => seen.push(id))));
    expect(seen).toEqual([1]);
    expect(error).toMatchObject({ code: Status.ABORTED, details: "midway" });
  });

  it.each([
    [3, Status.OK],
    [4, Status.RESOURCE_EXHAUSTED],
  ])("may let %i values wait where maxBufferedMessages is 3: status %i", async (count, status) => {
    const values = Array.from({ length: count }, (_, id) => ({ id }));
    const { heroes } = await start({ FindAll: ["unary", () => from(values)] }, { maxBufferedMessages: 3 });
    if (status === Status.OK) expect(await all(heroes.findAll({ id: 1 }))).toHaveLength(count);
    else expect((await errorOf(heroes.findAll({ id: 1 }))).details).toMatch(/maxBufferedMessages \(3\)/);
  });

  it("is not there for a method without one, which answers UNIMPLEMENTED", async () => {
    const { heroes } = await start({ FindOne: ["unary", () => ({})] });
    expect(await errorOf(heroes.unhandled({ id: 1 }))).toMatchObject({ code: Status.UNIMPLEMENTED });
  });
});

describe("a handler of @GrpcStreamMethod", () => {
  it("takes an observable of messages, and answers with one message or many", async () => {
    const { heroes } = await start({
      Count: [
        "rx",
        (requests: Observable<ById>) =>
          requests.pipe(
            toArray(),
            map((each) => ({ count: each.length })),
          ),
      ],
      Chat: ["rx", (requests: Observable<ById>) => requests.pipe(map(({ id }) => ({ id, name: `#${id}` })))],
    });
    expect(await firstValueFrom(heroes.count(from([{ id: 1 }, { id: 2 }])))).toEqual({ count: 2 });
    expect(await all(heroes.chat(from([{ id: 1 }, { id: 2 }])))).toEqual([
      { id: 1, name: "#1" },
      { id: 2, name: "#2" },
    ]);
  });

  it("loses no message that comes before it subscribes", async () => {
    const { heroes } = await start({
      Count: [
        "rx",
        async (requests: Observable<ById>) => {
          await new Promise((resolve) => setImmediate(resolve));
          return requests.pipe(
            toArray(),
            map((each) => ({ count: each.length })),
          );
        },
      ],
    });
    expect(await firstValueFrom(heroes.count([{ id: 1 }, { id: 2 }, { id: 3 }]))).toEqual({ count: 3 });
  });

  it("sees its observable complete when the caller cancels, and a caller's error cancels the call", async () => {
    let seen = 0;
    let completed = 0;
    const { heroes } = await start({
      Chat: [
        "rx",
        (requests: Observable<ById>) => {
          requests.subscribe({
            next() {
              seen += 1;
            },
            complete() {
              completed += 1;
            },
          });
          return NEVER;
        },
      ],
    });
    const source = new Subject<ById>();
    const subscription = heroes.chat(source).subscribe();
    await until(() => source.observed, "the call");
    source.next({ id: 1 });
    await until(() => seen === 1, "the message");
    subscription.unsubscribe();
    await until(() => !source.observed && completed === 1, "both sides to be left");
    expect(await errorOf(heroes.chat(throwError(() => new Error("upstream"))))).toMatchObject({ message: "upstream" });
    expect((await errorOf(heroes.chat({ id: 1 }))).message).toMatch(/takes many messages/);
  });
});

describe("a handler of @GrpcStreamCall", () => {
  it("reads and writes the call as a stream of Node", async () => {
    const { heroes } = await start({
      Piped: [
        "call",
        (call: GrpcServerDuplex) => {
          call.on("data", ({ id }: ById) => call.write({ id, name: String(call.metadata.get("who")[0]) }));
          call.on("end", () => call.end());
        },
      ],
    });
    const given = heroes.piped(from([{ id: 1 }, { id: 2 }]), new GrpcMetadata({ who: "me" }));
    expect(await all(given)).toEqual([
      { id: 1, name: "me" },
      { id: 2, name: "me" },
    ]);
  });

  it("answers by its callback where the method has one response", async () => {
    let failing = false;
    const { heroes } = await start({
      Summed: [
        "call",
        (call: GrpcServerDuplex, reply: (error: unknown, message?: object) => void) => {
          let count = 0;
          call.on("data", ({ id }: ById) => {
            count += id;
          });
          call.on("end", () =>
            failing ? reply({ code: Status.OUT_OF_RANGE, details: "too much" }) : reply(null, { count }),
          );
        },
      ],
    });
    expect(await firstValueFrom(heroes.summed(from([{ id: 20 }, { id: 22 }])))).toEqual({ count: 42 });
    failing = true;
    expect(await errorOf(heroes.summed(from([{ id: 1 }])))).toMatchObject({
      code: Status.OUT_OF_RANGE,
      details: "too much",
    });
  });

  it("fails with what it throws or emits, and hears of cancellation", async () => {
    const calls: GrpcServerDuplex[] = [];
    let mode: "throw" | "emit" | "wait" = "throw";
    const { heroes } = await start({
      Piped: [
        "call",
        (call: GrpcServerDuplex) => {
          calls.push(call);
          if (mode === "throw") throw new RpcException({ code: Status.DATA_LOSS, message: "thrown" });
          if (mode === "emit") call.emit("error", { code: Status.ABORTED, details: "emitted" });
          else call.resume();
        },
      ],
    });
    expect(await errorOf(heroes.piped([]))).toMatchObject({ code: Status.DATA_LOSS, details: "thrown" });
    mode = "emit";
    expect(await errorOf(heroes.piped([]))).toMatchObject({ code: Status.ABORTED, details: "emitted" });
    mode = "wait";
    const subscription = heroes.piped(new Subject()).subscribe();
    await until(() => calls.length === 3, "the call");
    let cancelled = false;
    calls[2]?.on("cancelled", () => {
      cancelled = true;
    });
    subscription.unsubscribe();
    await until(() => cancelled, "the cancellation");
  });
});

describe("options", () => {
  it("that are not known, or contradict each other, are refused by name", async () => {
    await expect(run({}, { credentials: {} } as object)).rejects.toThrow(/credentials/);
    await expect(run({ FindOne: ["unary", () => ({})] }, {}, { package: "villain" })).rejects.toThrow(/"villain"/);
    await expect(run({ FindOne: ["unary", () => ({})] }, {}, { protoPath: undefined })).rejects.toThrow(/protoPath/);
  });

  it("make a service of another package, and a server beyond loopback without TLS, an error", async () => {
    await expect(run({}, { url: "0.0.0.0:0" })).rejects.toThrow(/plaintext: true/);
    await expect(run({}, { package: "villain" })).rejects.toThrow(/"villain"/);
  });

  it("give the server before it listens", async () => {
    const services: string[] = [];
    const { client, strategy } = await start(
      { FindOne: ["unary", () => ({})] },
      { onServer: (server: { services: readonly object[] }) => services.push(String(server.services.length)) },
    );
    expect(services).toEqual(["1"]);
    expect(() => client.getService("None")).toThrow(/HeroService/);
    expect(() => client.send()).toThrow(/getService/);
    expect(strategy.unwrap()).toHaveProperty("services");
    await client.connect();
  });
});

describe("the hooks around a handler", () => {
  const no = new Error("no");

  it("that fail when the call is over change no answer and end no process", async () => {
    for (const fail of [() => Promise.reject(no) as never, raise]) {
      const { heroes, strategy, close } = await run({ FindOne: ["unary", ({ id }: ById) => ({ id })] });
      const ended: unknown[] = [];
      strategy.setOnProcessingEndHook((transport) => {
        ended.push(transport);
        return fail();
      });
      expect(await firstValueFrom(heroes.findOne({ id: 3 }))).toMatchObject({ id: 3 });
      await until(() => ended.length === 1, "the hook");
      await close();
    }
  });

  it("that fail before the handler fail the call", async () => {
    for (const fail of [() => Promise.reject(no) as never, raise]) {
      const { heroes, strategy, close } = await run({ FindOne: ["unary", ({ id }: ById) => ({ id })] });
      strategy.setOnProcessingStartHook(fail);
      expect(await errorOf(heroes.findOne({ id: 3 }))).toMatchObject({ code: Status.UNKNOWN });
      await close();
    }
  });
});

describe("onServer", () => {
  it("is waited for before the server listens, and its failure is that of listening", async () => {
    let isReady = false;
    const onServer = async (): Promise<void> => {
      await Promise.resolve();
      isReady = true;
    };
    await start({ FindOne: ["unary", ({ id }: ById) => ({ id })] }, { onServer });
    expect(isReady).toBe(true);
    const strategy = new GrpcServer({ package: "hero", protoPath, onServer: () => Promise.reject(new Error("no")) });
    const failure = await new Promise((resolve) => void strategy.listen(resolve));
    expect(failure).toMatchObject({ message: "no" });
    await strategy.close();
  });
});

function raise(): never {
  throw new Error("no");
}
