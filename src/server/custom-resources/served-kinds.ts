/** The kinds that a set of CustomResourceDefinitions makes, beside the built-in ones. */
import { customResourceKinds } from "../../api/customresource/kind.ts";
import { customResourceDefinitionKind } from "../../api/customresourcedefinition/kind.ts";
import type { CustomResourceDefinition } from "../../api/customresourcedefinition/type.ts";
import { isConditionTrue } from "../../api/customresourcedefinition/type.ts";
import type { Kind } from "../../api/kind.ts";
import type { Store } from "../../store/store.ts";
import { keyPrefix } from "../registry/keys.ts";
import { decodeEntry } from "../registry/stored-object.ts";

type Kinds = ReturnType<typeof customResourceKinds>;

/** Keeps the kinds of a definition for as long as nothing changes that they are made from. */
export class ServedKinds {
  readonly #builtin: readonly Kind[];
  #made = new Map<string, Kinds>();

  constructor(builtin: readonly Kind[]) {
    this.#builtin = builtin;
  }

  /** The built-in kinds, and after them those of the definitions that are established. */
  kinds(definitions: readonly CustomResourceDefinition[]): readonly Kind[] {
    const made = new Map<string, Kinds>();
    const custom: Kind[] = [];
    for (const definition of definitions) {
      if (!isConditionTrue(definition, "Established")) continue;
      const key = keyOf(definition);
      const kinds = this.#made.get(key) ?? kindsOf(definition);
      made.set(key, kinds);
      custom.push(...kinds.served);
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

function keyOf(definition: CustomResourceDefinition): string {
  const { uid, generation } = definition.metadata;
  const names = JSON.stringify(definition.status?.acceptedNames);
  return [uid, generation, names, isConditionTrue(definition, "Terminating")].join("/");
}

/** The definitions that the store holds, before there is a registry. */
export async function storedDefinitions(store: Store): Promise<CustomResourceDefinition[]> {
  const { entries } = await store.list(keyPrefix(customResourceDefinitionKind));
  return entries.map((entry) => decodeEntry(customResourceDefinitionKind, entry));
}
