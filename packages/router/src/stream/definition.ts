/** jumpstarter.v1.RouterService by hand: its two messages are one, and have a codec of their own. */
import type { MessageCodec, MethodDefinition } from "@trunkline/grpc";
import { type Frame, forwardedFrameCodec, frameCodec } from "./frame.js";

/** A service with the one method `stream`, whose messages of type `Message` go both ways. */
export type StreamService<Message extends {}> = {
  readonly typeName: string;
  readonly methods: { readonly stream: MethodDefinition<Message, Message, "bidi_streaming"> };
};

function streamService<Message extends {}>(codec: MessageCodec<Message>): StreamService<Message> {
  const typeName = "jumpstarter.v1.RouterService";
  return {
    typeName,
    methods: { stream: { path: `/${typeName}/Stream`, kind: "bidi_streaming", request: codec, response: codec } },
  };
}

/**
 * The service for clients of a router, and for servers that are themselves the other side: `new RouterStream(call)`.
 */
export const RouterService: StreamService<Frame> = streamService(frameCodec);

/** The service for routers, which pass frames on as they came. */
export const ForwardingService: StreamService<Uint8Array> = streamService(forwardedFrameCodec);
