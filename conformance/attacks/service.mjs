/** The service of the gRPC victim. Its messages are bytes, but for one method that reads protobuf. */
import { protobufCodec } from "@trunkline/grpc";
import { bytesMethodsOf } from "../lib/bytes-method.mjs";
import { RequestSchema } from "../peers/gen/peer_pb.js";

const typeName = "attacks.Victim";
const method = bytesMethodsOf(typeName);

export const victimService = {
  typeName,
  methods: {
    echo: method("Echo", "unary"),
    held: method("Held", "bidi_streaming"),
    large: method("Large", "unary"),
    parse: { ...method("Parse", "unary"), request: protobufCodec(RequestSchema) },
    endless: method("Endless", "bidi_streaming"),
  },
};
