/**
 * JSON paths of CustomResourceDefinitions: `.spec.replicas`, `.status.conditions[0].type`, `.metadata.labels['a.b/c']`,
 * `.status.conditions[?(@.type=="Ready")].status`. Subresources and selectable fields may only use names; columns use
 * the rest. The grammar is the part of k8s.io/client-go/util/jsonpath that such columns are written in.
 */
type Json = Record<string, unknown>;

type Step =
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "index"; readonly index: number }
  | { readonly type: "all" }
  | {
      readonly type: "filter";
      readonly path: readonly string[];
      readonly equal: boolean;
      readonly value: string;
    };

const TOKEN =
  /\.((?:\\.|[^.[\]\s\\])+)|\[(-?\d+)\]|\[(\*)\]|\['([^']*)'\]|\["([^"]*)"\]|\[\?\(@\.([\w.-]+)\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)"|([\w.-]+))\)\]/y;

/** Names with a dot before each and nothing else. */
export function isSimplePath(path: string): boolean {
  return /^(\.[A-Za-z0-9_-]+)+$/.test(path);
}

/** The steps of a path; undefined if it is written in what is not understood here. */
export function parsePath(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  let at = 0;
  while (at < path.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(path);
    if (match === null) return undefined;
    const [text, name, index, all, single, double, filter, operator, ...values] = match;
    const quoted = name?.replaceAll("\\.", ".") ?? single ?? double;
    if (quoted !== undefined) steps.push({ type: "name", name: quoted });
    else if (index !== undefined) steps.push({ type: "index", index: Number(index) });
    else if (all !== undefined) steps.push({ type: "all" });
    else {
      const value = values.find((one) => one !== undefined) ?? "";
      steps.push({ type: "filter", path: filter!.split("."), equal: operator === "==", value });
    }
    at += text.length;
  }
  return steps;
}

/** Everything that the path leads to. */
export function valuesAt(steps: readonly Step[], root: unknown): unknown[] {
  let values = [root];
  for (const step of steps) values = values.flatMap((value) => follow(step, value));
  return values;
}

/** The one value at a path of names; undefined if there is none. */
export function valueAt(path: string, root: unknown): unknown {
  return namesOf(path).reduce<unknown>((value, name) => member(value, name), root);
}

/** Sets the value at a path of names, making the objects on the way. Mutates. */
export function setAt(path: string, root: Json, value: unknown): void {
  const names = namesOf(path);
  let object = root;
  for (const name of names.slice(0, -1)) {
    const inner = member(object, name);
    if (isObject(inner)) object = inner;
    else object = object[name] = {};
  }
  object[names.at(-1)!] = value;
}

function namesOf(path: string): string[] {
  return path.split(".").slice(1);
}

function follow(step: Step, value: unknown): unknown[] {
  switch (step.type) {
    case "name": {
      const found = member(value, step.name);
      return found === undefined ? [] : [found];
    }
    case "index":
      return Array.isArray(value) ? (value as unknown[]).slice(step.index).slice(0, 1) : [];
    case "all":
      return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
    case "filter":
      if (!Array.isArray(value)) return [];
      return value.filter((item: unknown) => {
        const found = step.path.reduce<unknown>((inner, name) => member(inner, name), item);
        const text = typeof found === "string" ? found : JSON.stringify(found);
        return found !== undefined && (text === step.value) === step.equal;
      });
    default:
      return step satisfies never;
  }
}

function member(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
