/** protobufjs, which compiles its types too; its messages are made from what protobuf-es writes. */
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import protobuf from "protobufjs";
import { codecSubject } from "./codec-shapes.mjs";

const root = protobuf.loadSync(fileURLToPath(new URL("../proto/shapes.proto", import.meta.url)));

export default codecSubject((schema, value) => {
  const type = root.lookupType(schema.typeName);
  const made = type.decode(toBinary(schema, create(schema, value)));
  return { encode: () => type.encode(made).finish(), decode: (bytes) => type.decode(bytes) };
});
