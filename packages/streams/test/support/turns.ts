/** Some turns of the event loop: on loopback, what can arrive by itself has arrived after them. */
export async function turns(count: number = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
