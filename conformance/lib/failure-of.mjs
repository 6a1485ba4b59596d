/** Returns the error of what must fail. @param {Promise<unknown>} doing @throws {Error} where it does not */
export async function failureOf(doing) {
  try {
    await doing;
  } catch (error) {
    return error;
  }
  throw new Error("it has not failed");
}
