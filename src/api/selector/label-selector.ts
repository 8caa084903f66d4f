/**
 * Parses label selectors: "app=web,tier in (a,b),!canary" of a query, and matchLabels/matchExpressions of an object.
 * Grammar and messages are those of apimachinery pkg/labels (the tests' texts were recorded from kubectl 1.33).
 */
import { formatFieldError, invalidValue } from "../field-error.ts";
import type { LabelSelector } from "../meta/type.ts";
import { labelValueComplaints, qualifiedNameComplaints } from "../validation/names.ts";
import type { LabelSelectorTerms, Requirement, SelectorOperator } from "./requirement.ts";

/** The text is no selector; the message is upstream's. The server answers it with 400. */
export class SelectorError extends Error {
  override readonly name = "SelectorError";
}

type TokenType = "end" | "identifier" | "(" | ")" | "," | "!" | "=" | "==" | "!=" | ">" | "<";
interface Token {
  readonly type: TokenType;
  readonly text: string;
}

const SYMBOLS = /(?:==|!=|[=!(),<>])/y;
const IDENTIFIER = /[^=!(),<>\s]+/y;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    SYMBOLS.lastIndex = IDENTIFIER.lastIndex = at;
    const symbol = SYMBOLS.exec(text)?.[0];
    const identifier = symbol === undefined ? IDENTIFIER.exec(text)?.[0] : undefined;
    if (symbol !== undefined) tokens.push({ type: symbol as TokenType, text: symbol });
    else if (identifier !== undefined) tokens.push({ type: "identifier", text: identifier });
    at += symbol?.length ?? identifier?.length ?? 1;
  }
  tokens.push({ type: "end", text: "" });
  return tokens;
}

/** The requirements of a selector, sorted by key. "" has none and matches everything. Throws SelectorError. */
export function parseLabelSelector(text: string): LabelSelectorTerms {
  const parser = new Parser(tokenize(text));
  return parser.selector().sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

class Parser {
  #position = 0;
  readonly #tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  #peek(): Token {
    return this.#tokens[Math.min(this.#position, this.#tokens.length - 1)]!;
  }

  #take(): Token {
    const token = this.#peek();
    this.#position++;
    return token;
  }

  selector(): Requirement[] {
    const requirements: Requirement[] = [];
    for (;;) {
      const { type, text } = this.#peek();
      if (type === "end") return requirements;
      if (type !== "identifier" && type !== "!")
        throw new SelectorError(`found '${text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirement());
      const separator = this.#take();
      if (separator.type === "end") return requirements;
      if (separator.type !== ",")
        throw new SelectorError(`found '${separator.text}', expected: ',' or 'end of string'`);
      const next = this.#peek();
      if (next.type !== "identifier" && next.type !== "!")
        throw new SelectorError(`found '${next.text}', expected: identifier after ','`);
    }
  }

  #requirement(): Requirement {
    const absent = this.#peek().type === "!";
    if (absent) this.#take();
    const key = this.#take();
    if (key.type !== "identifier") throw unparsable(`found '${key.text}', expected: identifier`);
    checkKey(key.text, "<nil>");
    if (absent) return { key: key.text, operator: "!", values: [] };
    const { type } = this.#peek();
    if (type === "end" || type === ",") return { key: key.text, operator: "exists", values: [] };
    const operator = this.#operator();
    const values = operator === "in" || operator === "notin" ? this.#set() : [this.#value()];
    return checkedRequirement(key.text, operator, values);
  }

  #operator(): SelectorOperator {
    const { type, text } = this.#take();
    if (type === "=" || type === "==" || type === "!=") return type;
    if (type === ">" || type === "<") return type === ">" ? "gt" : "lt";
    if (type === "identifier" && (text === "in" || text === "notin")) return text;
    throw unparsable(`found '${text}', expected: in, notin, =, ==, !=, gt, lt`);
  }

  #value(): string {
    const { type, text } = this.#peek();
    if (type === "end" || type === ",") return "";
    if (type !== "identifier") throw unparsable(`found '${text}', expected: identifier`);
    return this.#take().text;
  }

  /** "(a,b)"; an empty place is the empty value: "(,b)", "()". */
  #set(): string[] {
    const open = this.#take();
    if (open.type !== "(") throw unparsable(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.type !== "identifier" && first.type !== "," && first.type !== ")")
      throw unparsable(`found '${first.text}', expected: ',', ')' or identifier`);
    const values: string[] = [];
    for (;;) {
      values.push(this.#peek().type === "identifier" ? this.#take().text : "");
      const { type, text } = this.#take();
      if (type === ")") return values;
      if (type !== ",") throw unparsable(`found '${text}', expected: ',' or ')'`);
    }
  }
}

function unparsable(why: string): SelectorError {
  return new SelectorError(`unable to parse requirement: ${why}`);
}

function checkKey(key: string, field: string): void {
  const complaints = qualifiedNameComplaints(key);
  if (complaints.length > 0)
    throw unparsable(formatFieldError(invalidValue(field, key, complaints.join("; "))));
}

function checkedRequirement(key: string, operator: SelectorOperator, values: string[]): Requirement {
  const sorted = [...new Set(values)].sort();
  for (const [index, value] of values.entries()) {
    if ((operator === "gt" || operator === "lt") && !/^[+-]?\d+$/.test(value)) {
      const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
      throw unparsable(formatFieldError(invalidValue(`values[${index}]`, value, detail)));
    }
    const complaints = labelValueComplaints(value);
    if (complaints.length > 0) {
      const field = `values[${sorted.indexOf(value)}][${key}]`;
      throw unparsable(formatFieldError(invalidValue(field, value, complaints.join("; "))));
    }
  }
  return { key, operator, values: sorted };
}

const OPERATORS = { In: "in", NotIn: "notin", Exists: "exists", DoesNotExist: "!" } as const;

/**
 * The requirements of a LabelSelector as objects have it (metav1.LabelSelectorAsSelector). An empty one matches
 * everything; an absent one (undefined) matches nothing, which is `undefined` here.
 * Throws SelectorError for an operator that does not exist.
 */
export function labelSelectorTerms(selector: LabelSelector | undefined): LabelSelectorTerms | undefined {
  if (selector === undefined) return undefined;
  const requirements = labelTerms(selector.matchLabels);
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    if (!Object.hasOwn(OPERATORS, operator))
      throw new SelectorError(`"${operator}" is not a valid label selector operator`);
    requirements.push({ key, operator: OPERATORS[operator], values: [...new Set(values)].sort() });
  }
  return requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** The requirements "every one of these labels", as a Service's selector has them. Sorted by key. */
export function labelTerms(labels: Readonly<Record<string, string>> | undefined): Requirement[] {
  return Object.entries(labels ?? {})
    .map(([key, value]): Requirement => ({ key, operator: "=", values: [value] }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}
