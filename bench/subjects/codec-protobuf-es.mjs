/** `toBinary` and `fromBinary` of protobuf-es. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { codecSubject } from "./codec-shapes.mjs";

export default codecSubject((schema, value) => {
  const made = create(schema, value);
  return { encode: () => toBinary(schema, made), decode: (bytes) => fromBinary(schema, bytes) };
});
