/** Each numeric option takes the ends of its range, and refuses what is past them by a message that names the range. */
import { describe, expect, it } from "vitest";
import { type ConnectionOptions, checkConnectionOptions } from "../../src/index.js";

const most = 2 ** 31 - 1;
const limits: [name: string, least: number, most: number][] = [
  ["maxStreamWindow", 0, most],
  ["maxBufferedBytesPerConnection", 65_535, 2 ** 40],
  ["streamSendHighWaterMark", 1, 2 ** 40],
  ["connectionSendHighWaterMark", 1, 2 ** 40],
  ["outputBatchBytes", 16_384, 2 ** 30],
  ["maxQueuedControlBytes", 1_024, 2 ** 30],
  ["maxQueuedPingAnswers", 1, most],
  ["maxContinuationFrames", 0, 2 ** 20],
  ["maxEncodedHeaderFactor", 1, most],
  ["maxSettingsEntries", 6, most],
  ["maxLateStreams", 1, most],
  ["handshakeTimeoutMs", 1, most],
  ["unreadAnswersTimeoutMs", 1, most],
  ["goAwayTimeoutMs", 1, most],
  ["frameTimeoutMs", 1, most],
  ["headerSectionTimeoutMs", 1, most],
  ["stalledOutputTimeoutMs", 1, most],
  ["messageBudgetTimeoutMs", 1, most],
  ["lateFramesMs", 0, most],
  ["earlyResetMs", 0, most],
];
const settings: typeof limits = [
  ["headerTableSize", 0, 2 ** 20],
  ["maxConcurrentStreams", 0, most],
  ["initialWindowSize", 0, most],
  ["maxFrameSize", 16_384, 2 ** 24 - 1],
  ["maxHeaderListSize", 0, 2 ** 28],
];
const lifetime: typeof limits = [
  ["keepaliveIntervalMs", 1, most],
  ["keepaliveTimeoutMs", 1, most],
  ["maxConnectionAgeMs", 1, most],
  ["maxConnectionAgeGraceMs", 0, most],
  ["maxConnectionIdleMs", 1, most],
];

describe.each(
  Object.entries({ limits, settings, lifetime }).flatMap(([group, options]) =>
    options.map((option) => [group, ...option] as const),
  ),
)("%s.%s", (group, name, least, largest) => {
  const check = (value: number): unknown =>
    checkConnectionOptions({ role: "server", [group]: { [name]: value } } as ConnectionOptions);

  it(`is taken from ${least} to ${largest}, and not one past either`, () => {
    for (const value of [least, largest]) check(value);
    for (const value of [least - 1, largest + 1])
      expect(() => check(value)).toThrow(
        new RangeError(`${name} must be a whole number from ${least} to ${largest}, not ${value}`),
      );
  });
});
