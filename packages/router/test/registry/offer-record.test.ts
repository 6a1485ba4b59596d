/** A listener that takes no offers is known by them, and given another try. */
import { expect, it } from "vitest";
import { OfferRecord, offerPatienceMs } from "../../src/registry/offer-record.js";

it("A listener that has come for all its streams takes offers, however many there are", () => {
  const record = new OfferRecord();
  for (const stream of ["a", "b"]) {
    record.offered(stream, 0);
    record.taken(stream);
  }
  expect(record.streams).toBe(2);
  expect(record.takesOffers(1_000_000)).toBe(true);
  record.ended("a");
  expect(record.streams).toBe(1);
});

it("One that lets an offer lie takes none until it comes for one", () => {
  const record = new OfferRecord();
  record.offered("a", 0);
  record.offered("b", 4_000);
  expect(record.takesOffers(offerPatienceMs - 1)).toBe(true);
  expect(record.takesOffers(offerPatienceMs)).toBe(false);
  record.taken("a");
  expect(record.takesOffers(offerPatienceMs)).toBe(true);
  expect(record.takesOffers(9_000)).toBe(false);
});

it("One that has missed an offer is left out for half a minute, or until it comes for another", () => {
  const record = new OfferRecord();
  record.offered("a", 0);
  record.missed("a", 10_000);
  expect(record.streams).toBe(0);
  expect(record.takesOffers(39_999)).toBe(false);
  expect(record.takesOffers(40_000)).toBe(true);
  record.offered("b", 11_000);
  record.taken("b");
  expect(record.takesOffers(12_000)).toBe(true);
});

it("An offer that was taken back, or a stream that has ended before its time, is no miss", () => {
  const record = new OfferRecord();
  record.offered("a", 0);
  record.ended("a");
  record.offered("b", 0);
  record.taken("b");
  record.missed("b", 1_000);
  expect(record.streams).toBe(0);
  expect(record.takesOffers(1_000)).toBe(true);
});
