import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { belongTogether, certificateProblem, privateKeyProblem } from "../../src/certificate/pem.js";

const pem = (name: string): Buffer =>
  readFileSync(new URL(`../../../h2/test/fixtures/tls/${name}.pem`, import.meta.url));
const text = (content: string): Buffer => Buffer.from(content);
const certificate = pem("client");
const key = pem("client-key");
const { privateKey } = generateKeyPairSync("ed25519");
const der = Buffer.from(certificate.toString().replace(/-----[^-]+-----|\n/g, ""), "base64");

describe("a file of certificates", () => {
  test.each<[string, Buffer, string]>([
    ["text", text("nonsense"), "holds no certificate in PEM"],
    ["nothing", text("\n"), "holds no certificate in PEM: it is empty"],
    ["a key", key, "holds no certificate in PEM, but a private key"],
    [
      "a request",
      text("-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n"),
      "holds no certificate in PEM, but a request for a certificate",
    ],
    ["DER", der, "holds no certificate in PEM; openssl makes PEM of DER"],
    ["half of one", certificate.subarray(0, certificate.length / 2), "holds a certificate that is cut short"],
    [
      "a good one and a damaged one",
      text(`${certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`),
      "holds a certificate that is damaged: number 2 of 2",
    ],
  ])("that has %s is told so", (_, content, problem) => {
    expect(certificateProblem(content)).toBe(problem);
  });

  test("that can be used has no problem, also with other text and a key beside them", () => {
    expect(certificateProblem(Buffer.concat([text("a comment\n"), certificate, pem("server"), key]))).toBeUndefined();
  });
});

describe("a file with a private key", () => {
  test.each<[string, Buffer, string]>([
    ["text", text("nonsense"), "holds no private key in PEM"],
    ["a certificate", certificate, "holds no private key in PEM, but a certificate"],
    [
      "a key that is encrypted",
      text(privateKey.export({ format: "pem", type: "pkcs8", cipher: "aes256", passphrase: "x" }).toString()),
      "holds a private key that a passphrase protects; openssl pkey -in FILE -out OTHER takes that away",
    ],
    [
      "a damaged key",
      text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
      "holds a private key that is damaged, or of a kind that is not known",
    ],
  ])("that has %s is told so", (_, content, problem) => {
    expect(privateKeyProblem(content)).toBe(problem);
  });

  test("is compared with a certificate", () => {
    expect(privateKeyProblem(key)).toBeUndefined();
    expect(belongTogether(certificate, key)).toBe(true);
    expect(belongTogether(pem("server"), key)).toBe(false);
  });
});
