import type { MethodDefinition, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { HelloReply, HelloRequest } from "./greeter_pb.cjs";

interface Method<RequestStream extends boolean, ResponseStream extends boolean> extends MethodDefinition<HelloRequest, HelloReply> {
  readonly requestStream: RequestStream;
  readonly responseStream: ResponseStream;
}

interface IGreeterService extends ServiceDefinition<UntypedServiceImplementation> {
  sayHello: Method<false, false>;
  listHellos: Method<false, true>;
  joinNames: Method<true, false>;
  chat: Method<true, true>;
}

export const GreeterService: IGreeterService;
