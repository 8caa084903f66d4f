/**
 * Label selectors (apimachinery pkg/labels): the values they are made of, matching, and their canonical text.
 */
export type SelectorOperator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";

/** One condition on one label key. */
export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  /** Sorted. One value for =, ==, !=, gt and lt; none for exists and !. */
  readonly values: readonly string[];
}

/** All requirements must hold. None: everything matches. Sorted by key. */
export type LabelSelectorTerms = readonly Requirement[];

type Labels = Readonly<Record<string, string>> | undefined;

/** Whether the labels satisfy every requirement. A missing key satisfies != and notin, as upstream has it. */
export function matchesLabels(selector: LabelSelectorTerms, labels: Labels): boolean {
  return selector.every((requirement) => matchesRequirement(requirement, labels));
}

function matchesRequirement({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "=":
    case "==":
    case "in":
      return value !== undefined && values.includes(value);
    case "!=":
    case "notin":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "gt":
    case "lt":
      return value !== undefined && compares(operator, value, values[0]!);
    default:
      return operator satisfies never;
  }
}

/** Both sides are 64-bit integers in decimal; a label that is none never compares. */
function compares(operator: "gt" | "lt", value: string, bound: string): boolean {
  if (!/^[+-]?\d{1,19}$/.test(value)) return false;
  return operator === "gt" ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

/** The text that parses back to the same selector: "a=b,c in (d,e),!f". */
export function formatLabelSelector(selector: LabelSelectorTerms): string {
  return selector.map(formatRequirement).join(",");
}

function formatRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${values.join(",")})`;
    case "gt":
      return `${key}>${values[0]!}`;
    case "lt":
      return `${key}<${values[0]!}`;
    case "=":
    case "==":
    case "!=":
      return `${key}${operator}${values[0]!}`;
    default:
      return operator satisfies never;
  }
}
