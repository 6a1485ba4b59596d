/** Completion in the shells themselves, which have to load the script and find what belongs at the cursor. */
import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { installedByApt } from "../lib/apt.mjs";
import { excerpt, runToEnd } from "../lib/child.mjs";
import { output } from "../lib/command.mjs";

/** Lines that are typed up to the cursor, and what is offered there. */
const questions = [
  ["trunkline co", ["connect", "completion"]],
  ["trunkline token mi", ["mint"]],
  ["trunkline connect web --std", ["--stdio"]],
  ["trunkline router --log-level d", ["debug"]],
];

/** The commands by which each shell, with the script in a file, prints what it offers for a line. */
const shells = {
  bash: (file, line) => {
    const words = line.split(" ").map((word) => `'${word}'`);
    const ask = `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _trunkline`;
    return `compopt() { :; }; . '${file}'; ${ask}; printf '%s\\n' "\${COMPREPLY[@]}"`;
  },
  fish: (file, line) => `source '${file}'; complete -C '${line}'`,
  // zsh completes at a terminal only: it gets one, and lists what it would insert.
  zsh: (file, line) => `zmodload zsh/zpty; zpty shell zsh -f -i
    ask() { zpty -w shell "$1"; }
    ask "autoload -Uz compinit; compinit -u -D; bindkey '^I' list-choices; LISTMAX=0; stty columns 200"
    ask ". '${file}'; compdef _trunkline trunkline; PS1='ready''> '"
    zpty -r shell line '*ready> *' # it reads keys from now on
    zpty -n -w shell $'${line}\\t'
    zpty -n -w shell $'\\C-U echo is ov\\'\\'er\\n'
    zpty -r shell text '*is over*'; print -r -- "$text"`,
};

/**
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {{ file(name: string, content: string): string, env: Record<string, string> }} lab
 */
export async function useShells(cases, lab) {
  for (const [name, script] of Object.entries(shells)) {
    const shell = installedByApt(name, name);
    const file = lab.file(`completion.${name}`, `${await output(["completion", name], lab.env)}\n`);
    await cases.run(`completion in ${name}: commands, subcommands, options and their values`, async () => {
      for (const [line, offers] of questions) {
        const noFiles = name === "bash" ? ["--norc", "--noprofile"] : name === "fish" ? ["--no-config"] : ["-f"];
        const asked = await runToEnd(shell, [...noFiles, "-c", script(file, line)], {
          env: { ...process.env, ...lab.env, TERM: "dumb" },
          timeoutMs: 60_000,
        });
        const offered = stripVTControlCharacters(asked.stdout.toString()); // zsh moves about its terminal to list them
        for (const offer of offers)
          assert.match(offered, new RegExp(`(^|\\s)${offer}(\\s|$)`, "m"), `${line}: ${excerpt(asked)}`);
      }
    });
  }
}
