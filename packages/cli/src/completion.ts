/** Scripts that complete the command line in bash, zsh and fish, made from the grammar itself. */
import type { Command, Option } from "commander";

/** The shells that have a script. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** One command, with what may follow it. */
interface Words {
  /** The words that lead to it: `""`, `"router"`, `"token mint"`. */
  readonly path: string;
  readonly summary: string;
  readonly commands: readonly Words[];
  readonly options: readonly Option[];
}

/** Returns the script for a shell. */
export function completionScript(program: Command, shell: Shell): string {
  const root = wordsOf(program, "");
  return { bash, zsh, fish }[shell](root);
}

function wordsOf(command: Command, path: string): Words {
  const commands = command.commands.map((each) => wordsOf(each, `${path} ${each.name()}`.trim()));
  const help = command.createHelp();
  return { path, summary: command.summary(), commands, options: help.visibleOptions(command) };
}

/** Returns a command and all below it, the outermost first. */
function all(words: Words): Words[] {
  return [words, ...words.commands.flatMap(all)];
}

function flags({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

function lastWord({ path }: Words): string {
  return path.slice(path.lastIndexOf(" ") + 1);
}

/** Options whose value is a file. */
const takesFile = (option: Option): boolean => /<file>/.test(option.flags);
const takesValue = (option: Option): boolean => option.required || option.optional;

function bash(root: Words): string {
  const cases = all(root).map(({ path, commands, options }) => {
    const words = [...commands.map(lastWord), ...options.flatMap(flags)].join(" ");
    return `    "${path}") words="${words}" ;;`;
  });
  const options = all(root).flatMap((words) => words.options);
  const files = unique(options.filter(takesFile).flatMap(flags)).join("|");
  const choices = options.flatMap((option) => {
    const words = option.argChoices?.join(" ");
    const pattern = flags(option).join("|");
    return words === undefined ? [] : [`    ${pattern}) COMPREPLY=($(compgen -W "${words}" -- "$word")); return ;;`];
  });
  const valued = unique(options.filter((option) => option.required).flatMap(flags)).join("|");
  return `# Completion of trunkline for bash: source <(trunkline completion bash)
_trunkline() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} path="" words="" i
  case $before in
    ${files}) compopt -o filenames; COMPREPLY=($(compgen -f -- "$word")); return ;;
${unique(choices).join("\n")}
    ${valued}) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${path:+$path }\${COMP_WORDS[i]}" in
      ${commandPattern(root)}) path="\${path:+$path }\${COMP_WORDS[i]}" ;;
    esac
  done
  case $path in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _trunkline trunkline
`;
}

/** Returns the pattern of all paths, for `case`. */
function commandPattern(root: Words): string {
  return all(root)
    .slice(1)
    .map(({ path }) => `"${path}"`)
    .join("|");
}

function zsh(root: Words): string {
  const describe = ({ commands }: Words): string =>
    commands.map((each) => `'${lastWord(each)}:${zshText(each.summary)}'`).join(" ");
  const specs = (words: Words): string =>
    words.options
      .flatMap((option) => flags(option).map((flag) => `'${flag}[${zshText(option.description)}]${zshValue(option)}'`))
      .join(" ");
  const choose = (words: Words): string =>
    `((CURRENT == ${depth(words) + 1})) && { local -a commands=(${describe(words)}); _describe command commands }`;
  const branch = (words: Words): string =>
    `    "${words.path}") ${words.commands.length > 0 ? choose(words) : `_arguments ${specs(words)} '*:argument:'`} ;;`;
  return `#compdef trunkline
# Completion of trunkline for zsh: trunkline completion zsh >~/.zfunc/_trunkline, with ~/.zfunc in fpath
_trunkline() {
  local path="" word
  for word in \${words[2,CURRENT-1]}; do
    case "\${path:+$path }$word" in
      ${commandPattern(root)}) path="\${path:+$path }$word" ;;
    esac
  done
  case $path in
${all(root).map(branch).join("\n")}
  esac
}
compdef _trunkline trunkline
`;
}

/** The number of words up to a command, the program's name included. */
function depth({ path }: Words): number {
  return path === "" ? 1 : 1 + path.split(" ").length;
}

function zshText(text: string): string {
  return text.replace(/'/g, "'\\''").replace(/[[\]:]/g, "\\$&");
}

function zshValue(option: Option): string {
  if (!takesValue(option)) return "";
  if (takesFile(option)) return ":file:_files";
  return `:value:${option.argChoices === undefined ? "" : `(${option.argChoices.join(" ")})`}`;
}

function fish(root: Words): string {
  const lines = all(root).flatMap((words) => {
    const line = `complete -c trunkline -n '${fishCondition(words)}'`;
    return [
      ...words.commands.map((each) => `${line} -f -a ${lastWord(each)} -d '${fishText(each.summary)}'`),
      ...words.options.map(
        (option) => `${line} ${fishNames(option)}${fishValue(option)} -d '${fishText(option.description)}'`,
      ),
    ];
  });
  const place = "~/.config/fish/completions/trunkline.fish";
  return `# Completion of trunkline for fish: trunkline completion fish >${place}\n${lines.join("\n")}\n`;
}

function fishNames(option: Option): string {
  return flags(option)
    .map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
    .join(" ");
}

function fishValue(option: Option): string {
  if (!takesValue(option)) return "";
  if (takesFile(option)) return " -r -F";
  return ` -x${option.argChoices === undefined ? "" : ` -a '${option.argChoices.join(" ")}'`}`;
}

/** The words before the cursor name this command and none below it. */
function fishCondition({ path, commands }: Words): string {
  const seen = path.split(" ").filter((word) => word !== "");
  const below = commands.map(lastWord);
  const conditions = [
    ...seen.map((word) => `__fish_seen_subcommand_from ${word}`),
    ...(below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${below.join(" ")}`]),
  ];
  return conditions.length === 0 ? "true" : conditions.join("; and ");
}

function fishText(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/'/g, "\\'");
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
