// Messages in the shape of `grpc_tools_node_protoc --js_out=import_style=commonjs`: classes with getters and setters. See README.md.
"use strict";
const { BinaryReader, BinaryWriter } = require("@bufbuild/protobuf/wire");

class HelloRequest {
  #name = "";
  #repeat = 0;

  getName() {
    return this.#name;
  }

  setName(value) {
    this.#name = value;
    return this;
  }

  getRepeat() {
    return this.#repeat;
  }

  setRepeat(value) {
    this.#repeat = value;
    return this;
  }

  serializeBinary() {
    const writer = new BinaryWriter();
    if (this.#name !== "") writer.tag(1, 2).string(this.#name);
    if (this.#repeat !== 0) writer.tag(3, 0).int32(this.#repeat);
    return writer.finish();
  }

  static deserializeBinary(bytes) {
    const message = new HelloRequest();
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      if (number === 1) message.setName(reader.string());
      else if (number === 3) message.setRepeat(reader.int32());
      else reader.skip(wireType);
    }
    return message;
  }
}

class HelloReply {
  #text = "";

  getText() {
    return this.#text;
  }

  setText(value) {
    this.#text = value;
    return this;
  }

  serializeBinary() {
    const writer = new BinaryWriter();
    if (this.#text !== "") writer.tag(1, 2).string(this.#text);
    return writer.finish();
  }

  static deserializeBinary(bytes) {
    const message = new HelloReply();
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      if (number === 1) message.setText(reader.string());
      else reader.skip(wireType);
    }
    return message;
  }
}

module.exports = { HelloRequest, HelloReply };
