/** The kinds that a set of CustomResourceDefinitions makes, beside the built-in ones. */
import { isDeepStrictEqual } from "node:util";
import { customResourceKinds, terminating } from "../../api/customresource/kind.ts";
import { customResourceDefinitionKind } from "../../api/customresourcedefinition/kind.ts";
import type { CustomResourceDefinition } from "../../api/customresourcedefinition/type.ts";
import { isConditionTrue } from "../../api/customresourcedefinition/type.ts";
import type { Kind } from "../../api/kind.ts";
import type { Store } from "../../store/store.ts";
import { keyPrefix } from "../registry/keys.ts";
import { decodeEntry } from "../registry/stored-object.ts";

type Kinds = ReturnType<typeof customResourceKinds>;

interface Made {
  readonly from: CustomResourceDefinition;
  readonly kinds: Kinds;
}

/** Keeps the kinds of a definition for as long as nothing changes that they are made from. */
export class ServedKinds {
  readonly #builtin: readonly Kind[];
  /** By the definition's uid. */
  #made = new Map<string, Made>();

  constructor(builtin: readonly Kind[]) {
    this.#builtin = builtin;
  }

  /** The built-in kinds, and after them those of the definitions that are established. */
  kinds(definitions: readonly CustomResourceDefinition[]): readonly Kind[] {
    const made = new Map<string, Made>();
    const custom: Kind[] = [];
    for (const definition of definitions) {
      if (!isConditionTrue(definition, "Established")) continue;
      const uid = definition.metadata.uid!;
      const before = this.#made.get(uid);
      const kinds =
        before !== undefined && sameKinds(before.from, definition) ? before.kinds : kindsOf(definition);
      made.set(uid, { from: definition, kinds });
      const going = isConditionTrue(definition, "Terminating");
      custom.push(...(going ? kinds.served.map(terminating) : kinds.served));
      // Its objects are still there, for namespaces to empty and owners to be found.
      if (!kinds.served.includes(kinds.stored)) custom.push({ ...kinds.stored, verbs: [] });
    }
    this.#made = made;
    return [...this.#builtin, ...custom];
  }
}

/** With the names that were accepted, which are not always those that were asked for. */
export function kindsOf(definition: CustomResourceDefinition): Kinds {
  const names = definition.status?.acceptedNames;
  if (names === undefined || names.plural === "" || names.kind === "") return customResourceKinds(definition);
  return customResourceKinds({ ...definition, spec: { ...definition.spec, names } });
}

/** A deletion counts as a generation, too, though it changes nothing that kinds are made from. */
function sameKinds(a: CustomResourceDefinition, b: CustomResourceDefinition): boolean {
  return (
    isDeepStrictEqual(a.status?.acceptedNames, b.status?.acceptedNames) &&
    (a.metadata.generation === b.metadata.generation || isDeepStrictEqual(a.spec, b.spec))
  );
}

/** The definitions that the store holds, before there is a registry. */
export async function storedDefinitions(store: Store): Promise<CustomResourceDefinition[]> {
  const { entries } = await store.list(keyPrefix(customResourceDefinitionKind));
  return entries.map((entry) => decodeEntry(customResourceDefinitionKind, entry));
}
