/**
 * The mutants of a source: small changes of its meaning, each of which a good test notices. They are found in the
 * syntax tree, so that types, comments, messages of errors and imports stay as they are.
 */
import { parseAst } from "vite";

/**
 * @typedef {object} Mutant
 * @property {string} operator the kind of change
 * @property {number} start the offset at which the replaced text begins
 * @property {number} end the offset behind the replaced text
 * @property {string} replacement
 * @property {[number, number]} scope where the expression or statement begins and ends that the change is part of
 * @property {boolean} isStatement whether the scope is a statement
 */

/** Operators that exchange one for another; a comparison also moves its border. */
const exchanged = new Map([
  ["<", ["<=", ">="]],
  ["<=", ["<", ">"]],
  [">", [">=", "<="]],
  [">=", [">", "<"]],
  ["===", ["!=="]],
  ["!==", ["==="]],
  ["&&", ["||"]],
  ["||", ["&&"]],
  ["+", ["-"]],
  ["-", ["+"]],
  ["*", ["/"]],
  ["/", ["*"]],
  ["%", ["*"]],
  ["&", ["|"]],
  ["|", ["&"]],
  ["<<", [">>"]],
  [">>", ["<<"]],
  [">>>", ["<<"]],
  ["+=", ["-="]],
  ["-=", ["+="]],
]);

/**
 * Returns the mutants of a source in TypeScript, in the order of their places.
 * @param {string} source
 * @returns {Mutant[]}
 */
export function mutantsOf(source) {
  /** @type {Mutant[]} */
  const found = [];
  const text = (node) => source.slice(node.start, node.end);
  const push = (operator, start, end, replacement, scope, isStatement = false) =>
    found.push({ operator, start, end, replacement, scope: [scope.start, scope.end], isStatement });
  const add = (operator, node, replacement) => {
    if (replacement !== text(node)) push(operator, node.start, node.end, replacement, node, operator === "statement");
  };

  /** @type {Record<string, (node: any, parent: any) => void>} */
  const rules = {
    IfStatement: ({ test }) => add("condition", test, `!(${text(test)})`),
    ConditionalExpression: ({ test }) => add("condition", test, `!(${text(test)})`),
    WhileStatement: ({ test }) => add("condition", test, "false"),
    ForStatement: ({ test }) => test && add("condition", test, "false"),
    BinaryExpression: exchangeOperator,
    LogicalExpression: (node) => {
      if (node.operator === "??") add("fallback", node, `(${text(node.right)})`);
      else exchangeOperator(node);
    },
    AssignmentExpression: exchangeOperator,
    UnaryExpression: (node) => node.operator === "!" && add("condition", node, text(node.argument)),
    UpdateExpression: (node) => {
      const at = source.indexOf(node.operator, node.prefix ? node.start : node.argument.end);
      push("arithmetic", at, at + 2, node.operator === "++" ? "--" : "++", node);
    },
    Literal: (node, parent) => {
      if (typeof node.value === "number" && !isKey(node, parent)) add("constant", node, String(node.value + 1));
      if (typeof node.value === "boolean") add("constant", node, String(!node.value));
    },
    ReturnStatement: ({ argument }) => {
      if (argument && text(argument) !== "undefined") add("return", argument, "undefined");
    },
    ExpressionStatement: (node) => {
      if (typeof node.directive !== "string" && node.expression.type !== "UpdateExpression")
        add("statement", node, ";");
    },
    ThrowStatement: (node) => add("statement", node, ";"),
    BreakStatement: () => {},
  };

  function exchangeOperator(node) {
    const at = source.indexOf(node.operator, node.left.end);
    for (const replacement of exchanged.get(node.operator) ?? []) {
      push("operator", at, at + node.operator.length, replacement, node);
    }
  }

  visit(parseAst(source, { lang: "ts" }), undefined, (node, parent) => {
    if (!isRuntime(node)) return false;
    if (isMessage(node, parent)) return false;
    rules[node.type]?.(node, parent);
    return true;
  });
  return found.sort((a, b) => a.start - b.start || a.end - b.end || a.replacement.localeCompare(b.replacement));
}

/** Types are no code, but a few nodes of TypeScript hold expressions. */
function isRuntime({ type, declare }) {
  if (type === "ImportDeclaration" || type === "ExportAllDeclaration" || declare === true) return false;
  return !type.startsWith("TS") || ["TSAsExpression", "TSNonNullExpression", "TSSatisfiesExpression"].includes(type);
}

/** Texts for people are not asserted word by word: a template with an expression in it is left alone. */
function isMessage(node, parent) {
  return node.type === "TemplateLiteral" && parent?.type !== "TaggedTemplateExpression";
}

/** @param {any} node @param {any} parent */
function isKey(node, parent) {
  return parent?.type === "Property" && parent.key === node && !parent.computed;
}

/**
 * Visits a tree of nodes from the top; `enter` says whether to go on below a node.
 * @param {any} node
 * @param {any} parent
 * @param {(node: any, parent: any) => boolean} enter
 */
function visit(node, parent, enter) {
  if (!enter(node, parent)) return;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child !== null && typeof child === "object" && typeof child.type === "string") visit(child, node, enter);
    }
  }
}

/**
 * Returns a source with a mutant in it.
 * @param {string} source
 * @param {Mutant} mutant
 * @returns {string}
 */
export function mutated(source, { start, end, replacement }) {
  return source.slice(0, start) + replacement + source.slice(end);
}

/**
 * Returns the lines of a mutant as they were and as they are, and the number of the first.
 * @param {string} source
 * @param {Mutant} mutant
 * @returns {{ line: number, before: string, after: string }}
 */
export function difference(source, mutant) {
  const first = source.lastIndexOf("\n", mutant.start - 1) + 1;
  const ending = source.indexOf("\n", mutant.end);
  const last = ending === -1 ? source.length : ending;
  const shown = (text) => text.trim().replace(/\s+/g, " ");
  return {
    line: source.slice(0, mutant.start).split("\n").length,
    before: shown(source.slice(first, last)),
    after: shown(source.slice(first, mutant.start) + mutant.replacement + source.slice(mutant.end, last)),
  };
}
