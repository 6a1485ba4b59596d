/**
 * The token that a command shows, from a file or the environment. A file is read anew for each use, since it may be
 * renewed; a pipe can be read only once, and its token stays. A token that is about to expire is told of, once.
 */
import { maxTimerMs } from "@trunkline/base";
import { CommandError } from "./command-error.js";
import type { Context } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { formatDuration } from "./format.js";
import { readSecretFile } from "./secret-file.js";
import { tokenContent, tokenExpiryMs } from "./token-content.js";

/** The place of a token. */
export type TokenPlace = { readonly file: string } | { readonly variable: string; readonly value: string };

/** The part of a command's context that a token needs. */
export type TokenContext = Pick<Context, "output" | "clock">;

/** The part of a token's life that is left when it is told of, and the longest such time. */
const lastPart = 0.1;
const maxNoticeMs = 86_400_000;

/** The time after which the clocks are compared again: that of this machine may be set, and the machine may sleep. */
const compareAgainMs = 3_600_000;

export class TokenSource implements Disposable {
  readonly #place: TokenPlace;
  readonly #context: TokenContext;
  readonly #unixNowMs: () => number;
  /** The last token that could be read. */
  #last: string | undefined;
  /** True while the file cannot be read, which was told of. */
  #isLost = false;
  /** The token whose near end, and the one whose end, were told of. */
  #noticed: string | undefined;
  #expired: string | undefined;
  #cancel: () => void = () => {};
  #disposed = false;

  constructor(place: TokenPlace, context: TokenContext, unixNowMs: () => number = Date.now) {
    this.#place = place;
    this.#context = context;
    this.#unixNowMs = unixNowMs;
  }

  /** True where the token comes from a file, which may get another one. */
  get isRenewable(): boolean {
    return "file" in this.#place;
  }

  /**
   * Returns the token as it is now; while its file cannot be read, the last one.
   * @throws CommandError where there was none yet
   */
  async token(): Promise<string> {
    const before = this.#last;
    try {
      this.#last = await this.#read();
      this.#isLost = false;
    } catch (error) {
      if (before === undefined) throw error;
      this.#tellLost(error as CommandError);
    }
    if (this.#last !== before) this.#watch();
    return this.#last as string;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#cancel();
  }

  async #read(): Promise<string> {
    if (!("file" in this.#place)) return checkToken(this.#place.value, this.#place.variable, ExitCode.usage);
    const { file } = this.#place;
    return checkToken(await readSecretFile(file, "the token file"), `the token file ${file}`, ExitCode.unreadable);
  }

  #tellLost({ message }: CommandError): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#context.output.note("warn", { event: "token-unreadable", error: message }, `${message}; the last one stays`);
  }

  /** Makes the appointment for the next word about the token. */
  #watch(): void {
    this.#cancel();
    const token = this.#last;
    const expiryMs = token === undefined ? undefined : tokenExpiryMs(token);
    if (token === undefined || expiryMs === undefined || this.#disposed || this.#expired === token) return;
    // One that had expired when it was first read is refused by the router, which says so.
    if (this.#noticed !== token && expiryMs <= this.#unixNowMs()) return;
    const dueMs = this.#noticed === token ? expiryMs : expiryMs - this.#noticeMs(token, expiryMs);
    const { clock } = this.#context;
    const pauseMs = Math.min(Math.max(0, dueMs - this.#unixNowMs()), compareAgainMs, maxTimerMs);
    this.#cancel = clock.at(clock.nowMs() + pauseMs, () => void this.#look(token, expiryMs, dueMs), "watch");
  }

  /** Looks whether the token is still the one that ends, and says so. It never rejects. */
  async #look(token: string, expiryMs: number, dueMs: number): Promise<void> {
    if (this.#unixNowMs() < dueMs) return this.#watch();
    await this.token().catch(() => {});
    if (this.#last !== token || this.#disposed) return; // another one has its own appointment
    const leftMs = expiryMs - this.#unixNowMs();
    this.#noticed = token;
    if (leftMs <= 0) this.#expired = token;
    this.#tell(expiryMs, leftMs);
    this.#watch();
  }

  #tell(expiryMs: number, leftMs: number): void {
    const where = "file" in this.#place ? this.#place.file : this.#place.variable;
    const renew = "file" in this.#place ? "put a new one into the file" : "start again with a new one";
    const expires = new Date(expiryMs).toISOString();
    const [event, text] =
      leftMs > 0
        ? ["token-expires", `the token in ${where} expires in ${formatDuration(leftMs)}`]
        : ["token-expired", `the token in ${where} has expired`];
    this.#context.output.note("warn", { event, in: where, expires }, `${text}; ${renew}`);
  }

  #noticeMs(token: string, expiryMs: number): number {
    const issued = tokenContent(token)?.claims["iat"];
    const startMs = typeof issued === "number" ? issued * 1_000 : this.#unixNowMs();
    return Math.min(maxNoticeMs, Math.max(0, expiryMs - startMs) * lastPart);
  }
}

/** Refuses text that cannot be in a header, without showing it. */
function checkToken(token: string, where: string, exitCode: ExitCode): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError(
    `${where} holds no token: there are spaces, line breaks or other characters in it that tokens do not have`,
    exitCode,
  );
}
