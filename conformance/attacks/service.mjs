/** The service of the gRPC victim. Its messages are bytes, but for one method that reads protobuf. */
import { bytesCodec, protobufCodec } from "@trunkline/grpc";
import { RequestSchema } from "../peers/gen/peer_pb.js";

const typeName = "attacks.Victim";
const method = (name, kind) => ({ path: `/${typeName}/${name}`, kind, request: bytesCodec, response: bytesCodec });

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
