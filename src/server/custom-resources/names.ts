/**
 * Which definitions get the names they ask for (apiextensions-apiserver pkg/controller/status). In a group a resource's
 * names and kinds are each one's own; who has been accepted keeps them.
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from "../../api/customresourcedefinition/type.ts";
import type { Kind } from "../../api/kind.ts";

type Condition = Omit<CustomResourceDefinitionCondition, "lastTransitionTime">;

/** Names that others have: of resources (plural, singular and short), and of kinds (also of lists). */
interface Taken {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

/** What the status of `definition` should say. `others` are those of the same group; `now` in milliseconds. */
export function statusOf(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  builtin: readonly Kind[],
  now: string,
): CustomResourceDefinitionStatus {
  const { spec, status } = definition;
  const taken = takenNames(
    others,
    builtin.filter(({ group }) => group === spec.group),
  );
  const before = status?.acceptedNames ?? { plural: "", kind: "" };
  const { names, conflict } = acceptNames(spec.names, before, taken);
  const accepted: Condition =
    conflict === undefined
      ? { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" }
      : { type: "NamesAccepted", status: "False", ...conflict };
  const wasEstablished = status?.conditions.some(
    ({ type, status: holds }) => type === "Established" && holds === "True",
  );
  const established: Condition =
    wasEstablished === true || conflict === undefined
      ? {
          type: "Established",
          status: "True",
          reason: "InitialNamesAccepted",
          message: "the initial names have been accepted",
        }
      : {
          type: "Established",
          status: "False",
          reason: "NotAccepted",
          message: "not all names are accepted",
        };
  return {
    ...status,
    storedVersions: status?.storedVersions ?? [],
    acceptedNames: names,
    conditions: [accepted, established].reduce(
      (conditions, condition) => withCondition(conditions, condition, now),
      status?.conditions ?? [],
    ),
  };
}

/** The conditions with this one as given; its time is `now` where it changed. */
export function withCondition(
  conditions: readonly CustomResourceDefinitionCondition[],
  condition: Condition,
  now: string,
): CustomResourceDefinitionCondition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
  const { type, status, ...rest } = condition;
  const made = { type, status, lastTransitionTime, ...rest };
  return before === undefined
    ? [...conditions, made]
    : conditions.map((one) => (one === before ? made : one));
}

function takenNames(others: readonly CustomResourceDefinition[], builtin: readonly Kind[]): Taken {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { plural, singular, shortNames, kind } of builtin) {
    for (const name of [plural, singular, ...shortNames]) resources.add(name);
    for (const name of [kind, `${kind}List`]) kinds.add(name);
  }
  for (const { status } of others) {
    const {
      plural = "",
      singular = "",
      shortNames = [],
      kind = "",
      listKind = "",
    } = status?.acceptedNames ?? {};
    for (const name of [plural, singular, ...shortNames]) if (name !== "") resources.add(name);
    for (const name of [kind, listKind]) if (name !== "") kinds.add(name);
  }
  return { resources, kinds };
}

/** Each name that is free is accepted; in the place of one that is not, the one accepted before stays. */
function acceptNames(
  wanted: CustomResourceDefinitionNames,
  before: CustomResourceDefinitionNames,
  { resources, kinds }: Taken,
): {
  readonly names: CustomResourceDefinitionNames;
  readonly conflict?: { readonly reason: string; readonly message: string };
} {
  const names: CustomResourceDefinitionNames = { ...wanted };
  const conflicts: { reason: string; message: string }[] = [];
  const conflict = (reason: string, taken: readonly string[]): boolean => {
    if (taken.length === 0) return false;
    const message = taken.map((name) => `${JSON.stringify(name)} is already in use`).join(", ");
    conflicts.push({ reason, message });
    return true;
  };
  const among = (name: string | undefined, taken: ReadonlySet<string>): string[] =>
    name !== undefined && taken.has(name) ? [name] : [];
  if (conflict("PluralConflict", among(wanted.plural, resources))) names.plural = before.plural;
  if (conflict("SingularConflict", among(wanted.singular, resources)))
    set(names, "singular", before.singular);
  const shortNames = (wanted.shortNames ?? []).filter((name) => resources.has(name));
  if (conflict("ShortNamesConflict", shortNames)) set(names, "shortNames", before.shortNames);
  if (conflict("KindConflict", among(wanted.kind, kinds))) names.kind = before.kind;
  if (conflict("ListKindConflict", among(wanted.listKind, kinds))) set(names, "listKind", before.listKind);
  // Upstream tells of the last one it found.
  const last = conflicts.at(-1);
  return { names, ...(last !== undefined && { conflict: last }) };
}

function set<K extends "singular" | "shortNames" | "listKind">(
  names: CustomResourceDefinitionNames,
  name: K,
  value: CustomResourceDefinitionNames[K],
): void {
  if (value === undefined) delete names[name];
  else names[name] = value;
}
