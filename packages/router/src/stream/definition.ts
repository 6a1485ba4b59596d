/** jumpstarter.v1.RouterService by hand: its two messages are one, and have a codec of their own. */
import type { MessageCodec, MethodDefinition } from "@trunkline/grpc";
import { type Frame, forwardedFrameCodec, frameCodec, keptFrameCodec } from "./frame.js";

/** A service with the one method `stream`, which takes messages of type `Out` and gives those of type `In`. */
export type StreamService<Out extends {}, In extends {} = Out> = {
  readonly typeName: string;
  readonly methods: { readonly stream: MethodDefinition<Out, In, "bidi_streaming"> };
};

function streamService<Out extends {}, In extends {}>(
  request: MessageCodec<Out>,
  response: MessageCodec<In>,
): StreamService<Out, In> {
  const typeName = "jumpstarter.v1.RouterService";
  return {
    typeName,
    methods: { stream: { path: `/${typeName}/Stream`, kind: "bidi_streaming", request, response } },
  };
}

/**
 * The service for clients of a router, and for servers that are themselves the other side: `new RouterStream(call)`.
 */
export const RouterService: StreamService<Frame> = streamService(frameCodec, frameCodec);

/** The service for routers, which pass frames on as they came. */
export const ForwardingService: StreamService<Uint8Array> = streamService(forwardedFrameCodec, forwardedFrameCodec);

/** The service for sessions, which keep the frames that they send as messages. */
export const SessionService: StreamService<Uint8Array, Frame> = streamService(keptFrameCodec, frameCodec);
