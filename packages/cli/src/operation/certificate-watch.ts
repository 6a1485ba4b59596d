/**
 * Looks from time to time whether the files of a router's certificate have changed, and exchanges the certificate for
 * the connections to come. Tools that renew certificates need no signal for that, and replace files in many ways: their
 * content is compared.
 */
import type { Buffer } from "node:buffer";
import type { TlsOptions } from "node:tls";
import type { Clock } from "@trunkline/base";
import type { CommandError } from "../command-error.js";
import { readTls, type TlsFiles } from "../router-setup.js";

/** The time between two looks. */
export const lookAgainMs = 5_000;

/** Callbacks of a `CertificateWatch`. */
export interface CertificateWatchOptions {
  readonly clock: Clock;
  /** Called with a new certificate that can be used. */
  onChanged(tls: TlsOptions): void;
  /**
   * Called where the files cannot be used, once until they change: the old certificate stays. Certificate and key are
   * two files, so that one may be new a moment before the other.
   */
  onUnusable(error: CommandError): void;
}

export class CertificateWatch implements Disposable {
  readonly #files: TlsFiles;
  readonly #options: CertificateWatchOptions;
  #last: string;
  /** The reason why the files cannot be used, as it was told; undefined where they can. */
  #told: string | undefined;
  #isUnusable = false;
  #cancel: () => void;
  #disposed = false;

  /** `tls` is what was read of the files at the start. */
  constructor(files: TlsFiles, tls: TlsOptions, options: CertificateWatchOptions) {
    this.#files = files;
    this.#options = options;
    this.#last = contentOf(tls);
    this.#cancel = this.#lookLater();
  }

  #lookLater(): () => void {
    const { clock } = this.#options;
    return clock.at(clock.nowMs() + lookAgainMs, () => void this.#look(), "watch");
  }

  async #look(): Promise<void> {
    try {
      const tls = await readTls(this.#files);
      if (this.#disposed || tls === undefined) return;
      this.#isUnusable = false;
      this.#told = undefined;
      const content = contentOf(tls);
      if (content !== this.#last) {
        this.#last = content;
        this.#options.onChanged(tls);
      }
    } catch (error) {
      this.#failed(error as CommandError);
    }
    if (!this.#disposed) this.#cancel = this.#lookLater();
  }

  /** Tells of files that cannot be used at the second look: they may be in the middle of a renewal at the first. */
  #failed(error: CommandError): void {
    if (this.#isUnusable && this.#told !== error.message) {
      this.#told = error.message;
      this.#options.onUnusable(error);
    }
    this.#isUnusable = true;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#cancel();
  }
}

function contentOf({ cert, key }: TlsOptions): string {
  return `${(cert as Buffer).toString("latin1")}\0${(key as Buffer).toString("latin1")}`;
}
