/**
 * Runs the cases of some formats on the Node that runs this: `worker.mjs PYTHON FORMAT…`; the results go to stdout as
 * JSON.
 */
import { casesFor } from "./cases.mjs";

const [python, ...formats] = process.argv.slice(2);
const results = [];
for (const format of formats) {
  for (const { id, title, run } of casesFor(format, python)) {
    let passed = true;
    try {
      await within(run(), 60_000);
    } catch (error) {
      passed = false;
      console.error(`${id}: ${error.stack ?? error}`);
    }
    results.push({ id, title, passed });
  }
}
console.log(JSON.stringify(results));

async function within(promise, timeoutMs) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
