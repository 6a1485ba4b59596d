/** Services as ts-proto describes them with `outputServices=generic-definitions`, which nice-grpc takes too. */
import type { MessageCodec } from "./codec.js";
import { checkedPath, type KindOf, kindOf, type MethodTypes, makeMethod, type Service } from "./method.js";

/** A message type as ts-proto generates it. */
export interface GenericMessageType {
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): {};
  /** Completes a message that was given in part. Without it, messages must be given whole. */
  fromPartial?(init: never): {};
}

/** One method, as ts-proto's generic definitions describe it. */
export interface GenericMethodDefinition {
  /** The name of the method on the wire, without the service. */
  readonly name: string;
  readonly requestType: GenericMessageType;
  readonly requestStream: boolean;
  readonly responseType: GenericMessageType;
  readonly responseStream: boolean;
}

/** A service as ts-proto's generic definitions describe it. */
export interface GenericServiceDefinition {
  /** The full name of the service: `"package.Service"`. */
  readonly fullName: string;
  readonly methods: Readonly<Record<string, GenericMethodDefinition>>;
}

/** The types of all methods of a generic definition. */
export type GenericMethods<Methods> = { readonly [Name in keyof Methods]: GenericMethodTypes<Methods[Name]> };

/** The types of one method of a generic definition. */
export type GenericMethodTypes<Method> = Method extends {
  readonly requestStream: infer RequestStream extends boolean;
  readonly responseStream: infer ResponseStream extends boolean;
  readonly requestType: infer RequestType extends GenericMessageType;
  readonly responseType: infer ResponseType extends GenericMessageType;
}
  ? MethodTypes<
      KindOf<RequestStream, ResponseStream>,
      ReturnType<RequestType["decode"]>,
      GenericInitOf<RequestType>,
      ReturnType<ResponseType["decode"]>,
      GenericInitOf<ResponseType>
    >
  : never;

/** The form in which a message of a generic definition is given: in part if its type has `fromPartial`. */
export type GenericInitOf<Type extends GenericMessageType> = Type extends { fromPartial(init: never): {} }
  ? PartialMessage<ReturnType<Type["decode"]>>
  : ReturnType<Type["decode"]>;

/** The part of a message that `fromPartial` completes. */
export type PartialMessage<T> = T extends Date | Uint8Array | bigint | string | number | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly PartialMessage<Item>[]
    : { readonly [Key in keyof T]?: PartialMessage<T[Key]> };

/** Recognises a generic definition of ts-proto. */
export function isGenericService(service: object): service is GenericServiceDefinition {
  const { fullName, methods } = service as Partial<GenericServiceDefinition>;
  return typeof fullName === "string" && typeof methods === "object" && methods !== null;
}

/** Makes the service that a generic definition describes. @throws TypeError for a path that cannot be */
export function fromGeneric({ fullName, methods }: GenericServiceDefinition): Service {
  return {
    typeName: fullName,
    methods: Object.entries(methods).map(([name, method]) => {
      const path = checkedPath(`${fullName}.${name}`, `/${fullName}/${method.name}`);
      return makeMethod(
        [name],
        path,
        kindOf(method),
        genericCodec(method.requestType),
        genericCodec(method.responseType),
      );
    }),
  };
}

function genericCodec(type: GenericMessageType): MessageCodec<{}, {}> {
  const { fromPartial } = type;
  return {
    encode: (message) =>
      type.encode((fromPartial === undefined ? message : fromPartial.call(type, message as never)) as never).finish(),
    decode: (bytes) => type.decode(bytes),
  };
}
