// A microservice of Nest and a client of it. In TypeScript the decorators stand as usual: @Controller(), @GrpcMethod().
import "reflect-metadata";
import { fileURLToPath } from "node:url";
import { Controller, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { GrpcMethod, GrpcStreamMethod, RpcException } from "@nestjs/microservices";
import { Status } from "@trunkline/grpc";
import { GrpcClient, GrpcMetadata, GrpcServer } from "@trunkline/nestjs";
import { from, lastValueFrom, map } from "rxjs";

class GreeterController {
  sayHello({ name }, metadata) {
    if (name === "") throw new RpcException({ code: Status.INVALID_ARGUMENT, message: "who?" });
    return { text: `${metadata.get("greeting")[0]} ${name}` };
  }
  chat(messages) {
    return messages.pipe(map(({ name }) => ({ text: name.toUpperCase() })));
  }
}
const decorate = (decorator, name) => {
  const descriptor = Object.getOwnPropertyDescriptor(GreeterController.prototype, name);
  decorator(GreeterController.prototype, name, descriptor);
  Object.defineProperty(GreeterController.prototype, name, descriptor);
};
decorate(GrpcMethod("Greeter", "SayHello"), "sayHello");
decorate(GrpcStreamMethod("Greeter", "Chat"), "chat");
Controller()(GreeterController);
class AppModule {}
Module({ controllers: [GreeterController] })(AppModule);

const protoPath = fileURLToPath(new URL("../proto/greeter.proto", import.meta.url));
const strategy = new GrpcServer({ package: "example.v1", protoPath, url: "127.0.0.1:0" });
const app = await NestFactory.createMicroservice(AppModule, { strategy, logger: false });
await app.listen();

// In a module: ClientsModule.register([{ name, customClass: GrpcClient, options }]).
const client = new GrpcClient({ package: "example.v1", protoPath, url: strategy.address });
const greeter = client.getService("Greeter");
const metadata = new GrpcMetadata({ greeting: "hello" });
console.log((await lastValueFrom(greeter.sayHello({ name: "you" }, metadata))).text);
await lastValueFrom(greeter.sayHello({ name: "" })).catch(({ code, details }) => console.log(code, details));
const chat = greeter.chat(from([{ name: "a" }, { name: "b" }]));
await chat.forEach(({ text }) => void console.log(text));

await client.close();
await app.close();

// Prints:
// hello you
// 3 who?
// A
// B
