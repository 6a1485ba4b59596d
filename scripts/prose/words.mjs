/**
 * Words that the code and its pages do not use, each with the word to use: one term for one thing, and the terms of
 * RFC 9113 and gRPC. Names are searched for inside longer ones, too: `hungryReaders` holds "hungry".
 */

/** Refused parts of names. They are refused in text as well. */
const names = {
  deaf: "inputClosed",
  hungry: "hasWaitingReader",
  sayGoodbye: "closeGracefully",
  saysGoodbye: "closeGracefully",
  goodbye: "GOAWAY, or graceful shutdown",
  turnAway: "reject",
  turnedAway: "rejected",
  turnsAway: "rejects",
  doorstep: "AcceptFilter",
  lengthJudge: "MessageSizeLimit",
  uselessPerStream: "uselessFrameBudget",
  "guards.useless": "uselessFrameBudget",
  wheneverDone: "closeWhenDone",
  unmet: "expired",
  parted: "closed",
  unlistened: "listener-removed",
  farewell: "GOAWAY, or graceful shutdown",
};

/** Refused phrases of text. Blanks in them stand for any white space. */
const phrases = {
  somebody: "the gRPC server, the peer, the caller, the listener or the dialler",
  whoever: "the gRPC server, the peer, the caller, the listener or the dialler",
  whomever: "the gRPC server, the peer, the caller, the listener or the dialler",
  "what is left of": "the rest of",
  "turned away": "rejected",
  "turns away": "rejects",
};

const refused = [
  ...Object.entries(names).map(([name, instead]) => ({ word: name, instead, pattern: partOfName(name) })),
  ...Object.entries(phrases).map(([phrase, instead]) => ({
    word: phrase,
    instead,
    pattern: new RegExp(`\\b${phrase.replaceAll(" ", "\\s+(?:[*/]+\\s+)?")}\\b`, "gi"),
  })),
];

/**
 * Returns the refused words of a text with their line numbers.
 * @param {string} text
 * @returns {{ line: number, word: string, instead: string }[]}
 */
export function refusedWords(text) {
  const found = refused.flatMap(({ word, instead, pattern }) =>
    [...text.matchAll(pattern)].map((match) => ({
      line: text.slice(0, match.index).split("\n").length,
      word,
      instead,
    })),
  );
  return found.sort((a, b) => a.line - b.line);
}

/**
 * Matches a name as a whole or as a part that begins with a capital letter, but not within a word: "departed" passes.
 * @param {string} name
 * @returns {RegExp}
 */
function partOfName(name) {
  const [first, rest] = [name[0], name.slice(1).replace(".", "\\.")];
  return new RegExp(`((?<![A-Za-z])[${first}${first.toUpperCase()}]|${first.toUpperCase()})${rest}(?![a-z])`, "g");
}
