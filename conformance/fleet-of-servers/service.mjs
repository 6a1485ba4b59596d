/** The service of the fleet: each call carries its number, and each answer the name of the server that gave it. */
import { bytesMethodsOf } from "../lib/bytes-method.mjs";

const typeName = "fleet.v1.Work";
const method = bytesMethodsOf(typeName);

export const Work = {
  typeName,
  methods: {
    /** The call that may run only once: no policy tries it again. */
    once: method("Once", "unary"),
    /** The call that may run any number of times: the service config tries it again. */
    again: method("Again", "unary"),
    /** Answers with several messages. */
    count: method("Count", "server_streaming"),
  },
};

/** The messages of an answer of `count`. */
export const counted = 10;

/** @param {{ id: string, workMs: number }} request */
export const encode = (request) => new TextEncoder().encode(JSON.stringify(request));

/** @param {Uint8Array} bytes @returns {{ id: string, workMs: number }} */
export const decode = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
