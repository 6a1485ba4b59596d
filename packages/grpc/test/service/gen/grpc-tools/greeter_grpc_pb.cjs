// A service in the shape of `grpc_tools_node_protoc --grpc_out=grpc_js`. See README.md.
"use strict";
const messages = require("./greeter_pb.cjs");

function serialize_HelloRequest(arg) {
  if (!(arg instanceof messages.HelloRequest)) throw new Error("Expected argument of type greeter.v1.HelloRequest");
  return Buffer.from(arg.serializeBinary());
}

function deserialize_HelloRequest(buffer) {
  return messages.HelloRequest.deserializeBinary(new Uint8Array(buffer));
}

function serialize_HelloReply(arg) {
  if (!(arg instanceof messages.HelloReply)) throw new Error("Expected argument of type greeter.v1.HelloReply");
  return Buffer.from(arg.serializeBinary());
}

function deserialize_HelloReply(buffer) {
  return messages.HelloReply.deserializeBinary(new Uint8Array(buffer));
}

function method(name, requestStream, responseStream) {
  return {
    path: `/greeter.v1.Greeter/${name}`,
    requestStream,
    responseStream,
    requestType: messages.HelloRequest,
    responseType: messages.HelloReply,
    requestSerialize: serialize_HelloRequest,
    requestDeserialize: deserialize_HelloRequest,
    responseSerialize: serialize_HelloReply,
    responseDeserialize: deserialize_HelloReply,
  };
}

exports.GreeterService = {
  sayHello: method("SayHello", false, false),
  listHellos: method("ListHellos", false, true),
  joinNames: method("JoinNames", true, false),
  chat: method("Chat", true, true),
};
