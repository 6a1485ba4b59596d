/** Frame sequences as a peer might send them: mostly right, on few streams, now and then wrong in every way. */
import type { HeaderField } from "../../src/index.js";
import { clientPreface, Flag, FrameFactory, FrameType, rawFrame, uint32 } from "../../src/testing/index.js";
import type { Random } from "./random.js";

const request: readonly HeaderField[] = [
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "http" },
  { name: ":path", value: "/" },
];
const response: readonly HeaderField[] = [{ name: ":status", value: "200" }];
const trailers: readonly HeaderField[] = [{ name: "x-end", value: "1" }];
const informational: readonly HeaderField[] = [{ name: ":status", value: "103" }];
const large: readonly HeaderField[] = [...request, { name: "x-large", value: "v".repeat(2_500) }];
const malformed: readonly HeaderField[] = [{ name: "X-Upper", value: "1" }];

/**
 * Returns frames that a peer of an engine of `role` may send: the client of a server opens streams, the server of a
 * client answers those that `openStreams` names.
 */
export function frameSequence(
  random: Random,
  role: "client" | "server",
  openStreams: readonly number[],
  frames: number,
  wrong: number,
): Uint8Array[] {
  const peer = new FrameFactory();
  const sequence = role === "server" ? [clientPreface.slice(), peer.settings()] : [peer.settings()];
  sequence.push(peer.settingsAck());
  let nextId = 1;
  const ids = [...openStreams];
  const someId = (): number =>
    random.chance(wrong)
      ? random.pick([0, 2, nextId + 2, random.below(2 ** 31)])
      : random.pick(ids.length > 0 ? ids.slice(-6) : [1]);
  for (let count = 0; count < frames; count++) {
    const flags = random.chance(wrong) ? random.below(256) : 0;
    switch (random.below(15)) {
      case 0:
      case 1:
        if (role === "server") {
          ids.push(nextId);
          sequence.push(
            peer.headers(
              nextId,
              random.chance(wrong) ? malformed : request,
              flags | Flag.END_HEADERS | random.below(2),
            ),
          );
          nextId += 2;
        } else
          sequence.push(
            peer.headers(
              someId(),
              random.chance(wrong) ? malformed : response,
              flags | Flag.END_HEADERS | random.below(2),
            ),
          );
        break;
      case 2:
        sequence.push(
          peer.headers(
            someId(),
            random.pick([trailers, request, response, malformed, large]),
            flags | Flag.END_HEADERS | random.below(2),
          ),
        );
        break;
      case 3: {
        const block = peer.block(random.pick([request, response, trailers]));
        const cut = random.below(block.length + 1);
        const streamId = role === "server" ? nextId : someId();
        if (role === "server") {
          ids.push(nextId);
          nextId += 2;
        }
        sequence.push(
          rawFrame({
            type: FrameType.HEADERS,
            flags: flags | random.below(2),
            streamId,
            payload: block.subarray(0, cut),
          }),
        );
        if (random.chance(wrong)) sequence.push(peer.ping());
        sequence.push(peer.continuation(streamId, block.subarray(cut), Flag.END_HEADERS));
        break;
      }
      case 4:
      case 5:
      case 6: {
        const padding = random.below(20);
        const padded = random.chance(0.3);
        const payload = random.bytes(random.below(random.chance(0.1) ? 16_000 : 300));
        const whole = padded ? Uint8Array.from([padding, ...payload, ...new Uint8Array(padding)]) : payload;
        sequence.push(peer.data(someId(), whole, flags | (padded ? Flag.PADDED : 0) | (random.chance(0.2) ? 1 : 0)));
        break;
      }
      case 7:
        sequence.push(
          peer.windowUpdate(
            random.chance(0.3) ? 0 : someId(),
            random.chance(wrong) ? random.pick([0, 2 ** 31 - 1]) : 1 + random.below(100_000),
          ),
        );
        break;
      case 8:
        sequence.push(peer.rstStream(someId(), random.below(16)));
        break;
      case 9:
        sequence.push(
          random.chance(0.5)
            ? peer.ping([...random.bytes(8)], flags)
            : rawFrame({ type: FrameType.PRIORITY, streamId: someId(), payload: [...uint32(0), 1] }),
        );
        break;
      case 10:
        sequence.push(
          peer.settings([
            random.pick([
              [1, random.below(8_192)] as const,
              [3, random.below(200)] as const,
              [4, random.below(100_000)] as const,
              [6, 5_000] as const,
            ]),
          ]),
        );
        break;
      case 11:
        // With a length that holds, or does not.
        sequence.push(
          peer.headers(someId(), [
            ...(role === "server" ? request : response),
            { name: "content-length", value: String(random.below(600)) },
          ]),
        );
        break;
      case 12:
        if (role === "client") sequence.push(peer.headers(someId(), informational, flags | Flag.END_HEADERS));
        else {
          // On an identifier that skips some, with a priority in front.
          nextId += 2 * random.below(3);
          ids.push(nextId);
          const dependsOn = random.chance(wrong) ? nextId : random.below(nextId);
          const payload = [
            ...uint32(dependsOn),
            random.below(256),
            ...peer.block(random.chance(wrong) ? large : request),
          ];
          sequence.push(
            rawFrame({
              type: FrameType.HEADERS,
              flags: flags | Flag.END_HEADERS | Flag.PRIORITY,
              streamId: nextId,
              payload,
            }),
          );
          nextId += 2;
        }
        break;
      case 13:
        if (random.chance(wrong)) sequence.push(peer.goAway(random.below(20), random.below(14)));
        else if (random.chance(0.1)) sequence.push(peer.goAway(2 ** 31 - 1, 0));
        else sequence.push(peer.data(someId(), [], flags));
        break;
      default:
        if (random.chance(wrong))
          sequence.push(
            rawFrame({
              type: random.below(12),
              flags: random.below(256),
              streamId: someId(),
              payload: random.bytes(random.below(40)),
            }),
          );
        else
          sequence.push(
            rawFrame({ type: 0x20 + random.below(100), streamId: someId(), payload: random.bytes(random.below(40)) }),
          );
    }
  }
  return sequence;
}
