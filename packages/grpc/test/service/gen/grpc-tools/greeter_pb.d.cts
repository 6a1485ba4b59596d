export class HelloRequest {
  getName(): string;
  setName(value: string): HelloRequest;
  getRepeat(): number;
  setRepeat(value: number): HelloRequest;
  serializeBinary(): Uint8Array;
  static deserializeBinary(bytes: Uint8Array): HelloRequest;
}

export class HelloReply {
  getText(): string;
  setText(value: string): HelloReply;
  serializeBinary(): Uint8Array;
  static deserializeBinary(bytes: Uint8Array): HelloReply;
}
