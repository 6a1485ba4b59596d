/**
 * What peers cannot do, by what a case needs, with the reason. Such cases are printed as left out, and never counted as passed. `client` and `server`
 * are the peer's part.
 */

/** @typedef {Readonly<Record<string, string>>} Reasons */

/** @param {Reasons} reasons */
const asBoth = (reasons) => ({ client: reasons, server: reasons });

/** @type {Readonly<Record<string, { readonly client?: Reasons, readonly server?: Reasons }>>} */
export const lacks = {
  grpclib: asBoth({
    emptyText: "it refuses to send empty values",
    compressRequests: "it knows no compression",
    compressReplies: "it knows no compression",
  }),
  "grpc-go": asBoth({ keyOrder: "its metadata is a map without order" }),
  "grpc-js": {
    server: { duplicates: "node:http2 joins the values of a key", compressReplies: "its server does not compress" },
  },
  "connect-node": asBoth({
    duplicates: "its metadata is a Headers, which joins the values of a key",
    keyOrder: "its metadata is a Headers, which sorts its keys",
  }),
};
