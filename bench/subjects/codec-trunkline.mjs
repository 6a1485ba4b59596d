/** The compiled codec of @trunkline/codec. */
import { create } from "@bufbuild/protobuf";
import { BinaryCodecs } from "@trunkline/codec";
import { nodePlatform } from "@trunkline/codec/node";
import { codecSubject } from "./codec-shapes.mjs";

const codecs = new BinaryCodecs(nodePlatform);

export default codecSubject((schema, value) => {
  const codec = codecs.codec(schema);
  const made = create(schema, value);
  return { encode: () => codec.encode(made), decode: (bytes) => codec.decode(bytes) };
});
