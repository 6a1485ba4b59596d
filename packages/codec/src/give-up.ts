/**
 * The compiled functions handle what is common and valid. At anything else they throw this value, and protobuf-es does
 * the whole work again: so what is refused, and with which error, is by construction the same.
 */
export const giveUp: { readonly reason: string } = Object.freeze({ reason: "not a case for the compiled codec" });
