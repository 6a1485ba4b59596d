/**
 * Finds the doc comments of a source and judges their first sentences, since an editor shows them without the lines
 * around them: a verb for a function ("Returns …"), a noun for a type or a field ("The number of bytes …").
 * The judge knows words, not grammar: it refuses the openings that make fragments and riddles.
 */

/** Words that never begin a first sentence, each with the reason. */
const refusedOpenings = [
  [
    /^(what|whatever|who|whoever|whom|whose|which|whichever|where|wherever|how|however|why)\b/i,
    "begins with a question word",
  ],
  [
    /^(of|those|these|that|it|its|they|their|them|he|his|the same|ours|theirs)\b/i,
    "refers to something that a hover does not show",
  ],
  [
    /^(something|somebody|someone|anything|anybody|anyone|nothing|nobody|none|everybody)\b/i,
    "does not name its subject",
  ],
  [
    /^(also|so|and|or|but|then|not|never|again|too|here|now|still|even|yet|just|half an? )\b/i,
    "begins in the middle of a thought",
  ],
  [/^(is|are|was|were|be|been|being|may|must|can|could|will|would|should|shall|did|has been)\b/i, "has no subject"],
  [/^(one|more|less|many|much|most|some) (at|by|for|that|who|which|than|to|in|with)\b/i, "does not name its subject"],
  [
    /^(true|false|undefined|null|none|absent|empty|default|client|server|over|done|shared|values|names?)s?[:;]/i,
    "begins with a label",
  ],
  [/^default (`|["'\d<>[{(-]|true|false|no\b|none\b|the\b)/i, "gives a default before it says of what"],
  [
    /^(told|given|kept|made|known|taken|sent|held|left|gone|seen|put|said|heard|drawn|found|built|written|shown|done|over|let|due|ready|full|empty|newest|oldest|small|large|larger|smaller|long|longer|enough|advisory|orderly|absent|graceful)( (of|by|at|to|when|once|with|in|if|from|for|as|where|between|after|before|until|first|enough|so|than|also|anew|what|and|on|below|above|beyond)\b|[,.;:])/i,
    "has no subject",
  ],
  [
    /^only (for|at|by|with|in|on|after|before|from|to|when|where|while|if|once|as|needed|used|set)\b/i,
    "has no subject",
  ],
  [/^set (by|when|once|if|to)\b/i, "has no subject"],
  [
    /^(?!called|used|thrown|emitted|invoked|raised|need|exceed|embed|seed|shed|feed|speed)\w{2,}ed( (of|by|at|to|when|once|with|in|if|from|for|as|where|between|after|before|until|also|and|on|so|up)\b|[,.;:])/i,
    "has no subject",
  ],
  [/^\w+ enough\b/i, "has no subject"],
  [
    /^(reading|writing|looking|counting|sending|receiving|moving|listening|connecting|dialling|waiting|making|telling|taking|giving|opening|closing|keeping|fetching|showing|cutting|joining|calling)\b/i,
    "begins with a gerund: say what it is or does",
  ],
];

/** Words that begin a first sentence only when a comma and a whole clause follow: "After the end, `send` rejects." */
const subordinate =
  /^(for|at|by|with|without|within|in|into|inside|on|onto|upon|after|before|behind|below|beneath|beside|between|beyond|above|over|under|from|to|toward|towards|through|throughout|until|till|since|during|against|among|around|about|past|per|via|out|near|as|when|whenever|while|if|unless|once|because|although|though|except|like)\b/i;

const prepositions =
  /^(of|for|at|by|with|without|within|in|into|on|onto|after|before|between|from|to|through|until|since|as|than|and|or|but|not|who|which|that|what|where|when|how|why|whether|if|unless|except|so|also|only|even|possibly|whose|because|while|like|such|with)$/i;
const determiners =
  /^(the|an?|each|every|all|any|both|no|one|two|its|their|our|your|this|that|these|those|either|neither|some|few|most|another|other|same|first|last|next)$/i;
const auxiliaries =
  /^(is|are|was|were|has|have|had|can|cannot|could|must|may|might|will|would|should|shall|does|do|did|need|needs)$/i;

/** Words in lower case that begin a sentence as they are, since they are names. */
const lowerCaseNames =
  /^(gRPC|grpc|grpcio|grpclib|nginx|npm|zlib|gzip|zstd|xz|brotli|bzip2|h2\b|h2spec|h2specd|hyper|trunkline|protobuf|protoc|jose|pino|commander|nghttp2|curl|libuv|fast-check|vitest|biome|systemd|stdin|stdout|stderr|macOS|connectconformance|\w+[-.:/@]\w)/;

/**
 * Returns the doc comments of a source, each with the number of its first line and its text without stars.
 * Comments whose opening does not stand first on its line are no doc comments.
 * @param {string} source
 * @returns {{ line: number, text: string }[]}
 */
export function docComments(source) {
  const comments = [];
  for (const match of source.matchAll(/^[ \t]*\/\*\*(?!\/)([\s\S]*?)\*\//gm)) {
    const line = source.slice(0, match.index).split("\n").length;
    const text = match[1]
      .split("\n")
      .map((each) => each.replace(/^\s*\*? ?/, "").trimEnd())
      .join("\n")
      .trim();
    comments.push({ line, text });
  }
  return comments;
}

/**
 * Judges the text of a doc comment. A comment that consists of tags (`@param …`) has no sentence to judge.
 * @param {string} text
 * @returns {string | undefined} the reason to refuse it
 */
export function judgeComment(text) {
  const described = text.replace(/\{@\w+ ([^}]*)\}/g, "`$1`");
  const tag = /(^|\s)@[a-z]+\b(?![\w/-]*\/)/.exec(described);
  const description = (tag === null ? described : described.slice(0, tag.index)).trim();
  if (description === "") return undefined;
  if (!/([.!?:…]["'”`)]*|```|\||https?:\S+)$/.test(description)) return "has no end mark";
  // Code stands for a noun, whatever is written in it.
  const sentence = firstSentence(description.replace(/`[^`]*`/g, (code) => `\`${code.replace(/[^\w]/g, "") && "x"}\``));
  return judgeSentence(sentence);
}

/** @param {string} description @returns {string} */
function firstSentence(description) {
  const paragraph = description
    .split(/\n\s*\n|\n- |```/)[0]
    .replace(/\s+/g, " ")
    .trim();
  const end = /(?<!\b(?:e\.g|i\.e|vs|cf|etc|no))[.!?]["'”)]*(?= [^a-z]|$)/.exec(paragraph);
  return end === null ? paragraph : paragraph.slice(0, end.index + 1);
}

/** @param {string} sentence @returns {string | undefined} */
function judgeSentence(sentence) {
  for (const [opening, reason] of refusedOpenings) if (opening.test(sentence)) return reason;
  if (/^[a-z]/.test(sentence) && !lowerCaseNames.test(sentence)) return "begins in lower case";
  if (!/\s/.test(sentence)) return "is one word";
  if (subordinate.test(sentence) && !hasMainClause(sentence)) return "begins with a clause that leads to no other";
  if (/\?$/.test(sentence)) return "is a question";
  return undefined;
}

/**
 * Tells whether a clause follows one of the commas: a subject and then a verb.
 * @param {string} sentence
 * @returns {boolean}
 */
function hasMainClause(sentence) {
  const parts = sentence
    .replace(/\([^)]*\)/g, "")
    .split(/[:;]/)[0]
    .split(", ");
  return parts.some((_, index) => index > 0 && isClause(parts.slice(index).join(", ")));
}

/** @param {string} text @returns {boolean} */
function isClause(text) {
  const words = text.replace(/[.,]/g, "").split(" ");
  if (/^there (is|are|must|may|was)$/i.test(`${words[0]} ${words[1]}`)) return true;
  if (words.length < 2 || prepositions.test(words[0])) return false;
  return words.some((word, index) => {
    if (index === 0) return false;
    if (auxiliaries.test(word)) return true;
    const before = words[index - 1];
    if (prepositions.test(before) || determiners.test(before)) return false;
    if (/^[a-z]+[^su]s$/.test(word)) return true;
    // The plural of a noun and then a verb: "streams wait".
    return index === 1 && (/[^s]s$/.test(before) || /^(they|we|you)$/.test(before)) && !prepositions.test(word);
  });
}
