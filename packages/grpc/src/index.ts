/** gRPC clients and servers. The first part is for users; the second holds types that other libraries name. */

// For users.

export type { BackoffOptions } from "@trunkline/base";
export type { TransportError } from "@trunkline/h2/node";
export type { CallDefaults } from "./call/defaults.js";
export { MessageBudget, type MessageBudgetOptions } from "./call/message-budget.js";
export type { CallOptions } from "./call/options.js";
export type { Messages } from "./call/send-all.js";
export { Channel, type ChannelOptions, type ConnectOptions, type TlsOptions } from "./client/channel.js";
export type { ChannelExplanation } from "./client/connection-manager.js";
export type { ChannelState, EndpointState } from "./client/connectivity.js";
export type {
  EndpointPicker,
  LoadBalancing,
  LoadBalancingPolicies,
  LoadBalancingPolicy,
  LoadBalancingPolicyFactory,
  PickedCall,
  ReadyEndpoint,
} from "./client/load-balancing.js";
export type { LoadBalancingConfig } from "./client/load-balancing-config.js";
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
export type {
  FailurePercentageEjection,
  OutlierDetection,
  SuccessRateEjection,
} from "./client/outlier-config.js";
export type {
  ResolvedEndpoints,
  ResolvedTarget,
  Resolver,
  ResolverAnswer,
  Resolvers,
  ResolverTarget,
} from "./client/resolver.js";
export type {
  HealthCheckConfig,
  HedgingPolicy,
  MethodConfig,
  MethodName,
  RetryPolicy,
  RetryThrottling,
  ServiceConfig,
} from "./client/service-config.js";
export type { ChannelTarget, ConnectTarget, TransportTarget } from "./client/target.js";
export type { Carrier } from "./connection/carrier.js";
export { type ConnectionEvent, connectionEventsChannel } from "./connection/events.js";
export type { ChannelLifetimeOptions, KeepaliveOptions, ServerLifetimeOptions } from "./connection/lifetime.js";
export type { Http2Options } from "./connection/options.js";
export { callPeer, type Peer, type PeerTls } from "./connection/peer.js";
export type {
  ClientCall,
  MessageOptions,
  ParentCall,
  ResponseOptions,
  ServerCall,
  StatusOptions,
} from "./contract/call.js";
export { Deadline } from "./contract/deadline.js";
export type { CallExplanation, CallStep, CallsExplanation, WaitsOn } from "./contract/explanation.js";
export { callTarget } from "./contract/target.js";
export type {
  AttemptEnd,
  AttemptHooks,
  AttemptMessage,
  CallAttempt,
  CallEnd,
  CallHooks,
  CallMetadata,
  CallRequest,
  CallStatus,
  ClientInterceptor,
  InterceptedCall,
  Interceptor,
  RejectedRequest,
  ServerInterceptor,
} from "./hooks/interceptor.js";
export type {
  BidiStreamingHandler,
  ClientStreamingHandler,
  Implementation,
  LoadedHandler,
  OpenHandler,
  ServerStreamingHandler,
  UnaryHandler,
} from "./server/handlers.js";
export type { MethodOptions, ServiceOptions } from "./server/method-table.js";
export { type ServeOptions, Server, type ServerListenOptions, type ServerOptions } from "./server/server.js";
export { bytesCodec, type DecodeLimits, type DecodeOptions, type MessageCodec } from "./service/codec.js";
export type { MethodDefinition, ServiceDefinition } from "./service/definition.js";
export { protobufCodec } from "./service/protobuf.js";
export type { Compression, CompressionOption } from "./wire/compression.js";
export { CallUsageError, GrpcError, type GrpcErrorOptions } from "./wire/errors.js";
export { HttpAnswerError } from "./wire/http-answer.js";
export { isStatus, Status, type StatusName, statusName } from "./wire/status.js";
export { type Detail, detail, registerDetails } from "./wire/status-details.js";

// For other libraries: the types behind services, clients and implementations.

export type { ClientMethodOf, OpenForm } from "./client/methods.js";
export type { CommonCall } from "./contract/call.js";
export type { Awaitable, HandlerOf } from "./server/handlers.js";
export type { AnyCodec } from "./service/codec.js";
export type { AnyMethodDefinition, DefinedTypes } from "./service/definition.js";
export type { DescMethodLike, DescribedTypes, DescServiceLike } from "./service/descriptor.js";
export type {
  GenericInitOf,
  GenericMessageType,
  GenericMethodDefinition,
  GenericMethods,
  GenericMethodTypes,
  GenericServiceDefinition,
  PartialMessage,
} from "./service/generic.js";
export type {
  GrpcJsMethodDefinition,
  GrpcJsMethods,
  GrpcJsMethodTypes,
  GrpcJsServiceDefinition,
} from "./service/grpc-js.js";
export type { KindOf, KindOfKnown, KindOfUnknown, MethodKind, MethodTypes } from "./service/method.js";
export type { AnyService, MethodsOf } from "./service/resolution.js";
