/** Services described by protobuf-es. */
import type { DescMessage, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { jsonCodec } from "./json.js";
import { type MethodKind, type MethodTypes, makeMethod, type Service } from "./method.js";
import { protobufCodec } from "./protobuf.js";

/** The part of protobuf-es' `DescService` and `GenService` that is used here. */
export interface DescServiceLike extends Pick<DescService, "typeName" | "methods"> {
  readonly method: Readonly<Record<string, DescMethodLike>>;
}

/** The part of protobuf-es' `DescMethod` that is used here. */
export interface DescMethodLike {
  readonly methodKind: MethodKind;
  readonly input: DescMessage;
  readonly output: DescMessage;
}

/** The types of a method of protobuf-es. */
export type DescribedTypes<Method extends DescMethodLike> = MethodTypes<
  Method["methodKind"],
  MessageShape<Method["input"]>,
  MessageInitShape<Method["input"]> & {},
  MessageShape<Method["output"]>,
  MessageInitShape<Method["output"]> & {}
>;

/** Recognises a service descriptor of protobuf-es. */
export function isDescriptor(description: object): description is DescServiceLike {
  return "method" in description && Array.isArray((description as Partial<DescServiceLike>).methods);
}

/** Makes the service that a descriptor describes. */
export function fromDescriptor({ typeName, methods }: DescServiceLike): Service {
  return {
    typeName,
    methods: methods.map(({ localName, name, methodKind, input, output }) => {
      const [names, path] = [[localName], `/${typeName}/${name}`];
      const json = makeMethod(names, path, methodKind, jsonCodec(input), jsonCodec(output));
      return makeMethod(names, path, methodKind, protobufCodec(input), protobufCodec(output), json);
    }),
  };
}
