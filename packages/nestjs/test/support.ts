/** A microservice of Nest with a controller for each kind of method, and a client of it. */
import "reflect-metadata";
import { fileURLToPath } from "node:url";
import { Controller, type INestMicroservice, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { GrpcMethod, GrpcStreamCall, GrpcStreamMethod } from "@nestjs/microservices";
import type { Observable } from "rxjs";
import { GrpcClient, type GrpcClientOptions, GrpcServer, type GrpcServerOptions } from "../src/index.js";

export const protoPath: string = fileURLToPath(new URL("proto/hero.proto", import.meta.url));

/** Handlers by the names of methods, each with the decorator that Nest's users put on it. */
export type Handlers = Readonly<
  Record<string, readonly [kind: "unary" | "rx" | "call", handler: (...args: never[]) => unknown]>
>;

const decorators = { unary: GrpcMethod, rx: GrpcStreamMethod, call: GrpcStreamCall };

/** Makes a controller class, decorated as in a program. */
function controllerOf(handlers: Handlers): new () => object {
  class HeroController {}
  for (const [method, [kind, handler]] of Object.entries(handlers)) {
    const descriptor: PropertyDescriptor = { value: handler, writable: true, configurable: true };
    const changed = decorators[kind]("HeroService", method)(HeroController.prototype, method, descriptor as never);
    Object.defineProperty(HeroController.prototype, method, (changed as PropertyDescriptor | undefined) ?? descriptor);
  }
  Controller()(HeroController);
  return HeroController;
}

/** A microservice that listens, with a client of it. */
export interface Running {
  readonly app: INestMicroservice;
  readonly strategy: GrpcServer;
  readonly client: GrpcClient;
  readonly heroes: Heroes;
  close(): Promise<void>;
}

/** The service as a caller types it. */
export interface Heroes {
  findOne(request: { id: number }, ...rest: unknown[]): Observable<{ id: number; name: string }>;
  findAll(request: { id: number }, ...rest: unknown[]): Observable<{ id: number; name: string }>;
  count(requests: unknown, ...rest: unknown[]): Observable<{ count: number }>;
  chat(requests: unknown, ...rest: unknown[]): Observable<{ id: number; name: string }>;
  piped(requests: unknown, ...rest: unknown[]): Observable<{ id: number; name: string }>;
  summed(requests: unknown, ...rest: unknown[]): Observable<{ count: number }>;
  unhandled(request: { id: number }): Observable<unknown>;
}

export async function run(
  handlers: Handlers,
  server: Partial<GrpcServerOptions> = {},
  client: Partial<GrpcClientOptions> = {},
): Promise<Running> {
  class AppModule {}
  Module({ controllers: [controllerOf(handlers)] })(AppModule);
  const strategy = new GrpcServer({ package: "hero", protoPath, url: "127.0.0.1:0", ...server });
  const app = await NestFactory.createMicroservice(AppModule, { strategy, logger: false });
  await app.listen();
  const proxy = new GrpcClient({ package: "hero", protoPath, url: strategy.address, ...client });
  return {
    app,
    strategy,
    client: proxy,
    heroes: proxy.getService<Heroes & object>("HeroService"),
    async close() {
      await proxy.close();
      await app.close();
    },
  };
}
