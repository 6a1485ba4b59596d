/** What the gRPC victim serves; messages are bytes. */
import { bytesCodec } from "@trunkline/grpc";

const typeName = "attacks.Victim";
const method = (name, kind) => ({ path: `/${typeName}/${name}`, kind, request: bytesCodec, response: bytesCodec });

export const victimService = {
  typeName,
  methods: {
    echo: method("Echo", "unary"),
    held: method("Held", "bidi_streaming"),
    endless: method("Endless", "bidi_streaming"),
  },
};
