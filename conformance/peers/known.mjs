/**
 * The things that peers cannot do, by what a case needs, with the reason. Such cases are printed as left out, and never
 * counted as passed. `client` and `server` are the peer's part.
 */

/** @typedef {Readonly<Record<string, string>>} Reasons */

/** @param {Reasons} reasons */
const asBoth = (reasons) => ({ client: reasons, server: reasons });

/** Metadata in both places. */
const anywhere = (need, reason) => ({ [`${need} in the request`]: reason, [`${need} in the response`]: reason });

const joined = "node:http2 joins the values of a key that it receives";

/** @type {Readonly<Record<string, { readonly client?: Reasons, readonly server?: Reasons }>>} */
export const lacks = {
  grpclib: asBoth({
    ...anywhere("emptyText", "it refuses to send empty values"),
    compressRequests: "it knows no compression",
    compressReplies: "it knows no compression",
  }),
  "grpc-go": asBoth(anywhere("keyOrder", "its metadata is a map without order")),
  "grpc-js": {
    client: { "duplicates in the response": joined },
    server: { "duplicates in the request": joined, compressReplies: "its server does not compress" },
  },
  "connect-node": asBoth({
    ...anywhere("duplicates", "its metadata is a Headers, which joins the values of a key"),
    ...anywhere("keyOrder", "its metadata is a Headers, which sorts its keys"),
  }),
};
