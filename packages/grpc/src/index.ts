export type { BackoffOptions } from "@trunkline/base";
export type { Messages } from "./call/send-all.js";
export type {
  CallOptions,
  ClientCall,
  MessageOptions,
  ParentCall,
  ResponseOptions,
  ServerCall,
  StatusOptions,
} from "./call.js";
export { Channel, type ChannelOptions, type TlsOptions } from "./client/channel.js";
export type { ChannelState } from "./client/connection-manager.js";
export {
  type BidiStreamingMethod,
  type Client,
  type ClientOptions,
  type ClientStreamingMethod,
  createClient,
  type LoadedMethod,
  type ServerStreamingMethod,
  type UnaryMethod,
} from "./client/methods.js";
export type { ChannelTarget, ConnectTarget, TransportTarget } from "./client/target.js";
export { bytesCodec, type Codec, protobufCodec } from "./codec.js";
export type { Compression, CompressionOption } from "./compression.js";
export { Deadline } from "./deadline.js";
export type { CallDefaults } from "./defaults.js";
export type { GenericServiceDefinition } from "./definitions/generic.js";
export type { GrpcJsMethodDefinition, GrpcJsServiceDefinition } from "./definitions/grpc-js.js";
export { CallUsageError, GrpcError, type GrpcErrorOptions } from "./errors.js";
export type {
  CallEnd,
  CallHooks,
  CallMetadata,
  CallRequest,
  CallStatus,
  ClientInterceptor,
  InterceptedCall,
  Interceptor,
  ServerInterceptor,
} from "./interceptor.js";
export type { ChannelLifetimeOptions, KeepaliveOptions, ServerLifetimeOptions } from "./lifetime.js";
export type { Http2Options } from "./options.js";
export { callPeer, type Peer, type PeerTls } from "./peer.js";
export type {
  BidiStreamingHandler,
  ClientStreamingHandler,
  Implementation,
  LoadedHandler,
  OpenHandler,
  ServerStreamingHandler,
  UnaryHandler,
} from "./server/handlers.js";
export { type ListenOptions, Server, type ServerOptions, type ServiceOptions } from "./server/server.js";
export type { AnyService, MethodDefinition, MethodKind, ServiceDefinition } from "./service.js";
export { isStatus, Status, type StatusName, statusName } from "./status.js";
export { type Detail, detail, registerDetails } from "./status-details.js";
