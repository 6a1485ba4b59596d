import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeStatusMessage, encodeStatusMessage } from "../../src/wire/status-message.js";

describe("grpc-message", () => {
  it.each([
    ["plain text, with punctuation!", "plain text, with punctuation!"],
    ["100%", "100%25"],
    ["tab\there", "tab%09here"],
    ["Grüße", "Gr%C3%BC%C3%9Fe"],
    ["☺", "%E2%98%BA"],
    ["line\r\nbreak", "line%0D%0Abreak"],
    [" edges ", "%20edges%20"],
    ["", ""],
  ])("encodes %j as %j and back", (message, wire) => {
    expect(encodeStatusMessage(message)).toBe(wire);
    expect(decodeStatusMessage(wire)).toBe(message);
  });

  it.each([
    ["50% off", "50% off"],
    ["%", "%"],
    ["%4", "%4"],
    ["%zz%41", "%zzA"],
    ["%c3%bc", "ü"],
    ["%FF", "\uFFFD"],
    ["\u00C3\u00BC", "ü"],
  ])("takes the malformed %j as %j and never fails", (wire, message) => {
    expect(decodeStatusMessage(wire)).toBe(message);
  });

  it("brings every text back, in printable ASCII without a space at either end", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (message) => {
        const wire = encodeStatusMessage(message);
        expect(wire).toMatch(/^([!-~]([ -~]*[!-~])?)?$/);
        expect(decodeStatusMessage(wire)).toBe(message);
      }),
    );
  });

  it("decodes whatever octets come", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        expect(typeof decodeStatusMessage(Buffer.from(octets).toString("latin1"))).toBe("string");
      }),
    );
  });
});
