/** The certificates of `test/fixtures/tls`; `make.sh` there says what each is. */
import { readFileSync } from "node:fs";

const read = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url));

/** The certificate that vouches for all but `stranger` and `self-signed`. */
export const authority: Buffer = read("authority");

export type CertificateName =
  | "server"
  | "renewed"
  | "elsewhere"
  | "expired"
  | "early"
  | "client"
  | "client-expired"
  | "stranger"
  | "self-signed";

export function certificateOf(name: CertificateName): { cert: Buffer; key: Buffer } {
  return { cert: read(name), key: read(`${name}-key`) };
}
