/** Cases of a judge of our own: each is a function that throws when something is wrong, and a line of the report. */

export class Cases {
  passed = 0;
  failed = 0;

  /**
   * @param {string} title a sentence about what works
   * @param {() => unknown} check
   * @param {number} [timeoutMs]
   */
  async run(title, check, timeoutMs = 120_000) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      await Promise.race([check(), late]);
      this.passed += 1;
      console.log(`ok      ${title}`);
    } catch (error) {
      this.failed += 1;
      console.log(`failed  ${title}: ${error instanceof Error ? error.message : error}`);
      if (process.env.DEBUG) console.log(error);
    } finally {
      clearTimeout(timer);
    }
  }

  get counts() {
    return { passed: this.passed, failed: this.failed };
  }
}
