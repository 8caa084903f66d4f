/**
 * The kind Binding: what is sent to pods/binding, and, as upstream still has it, to a resource of its own where the
 * pod is the one of the binding's name.
 */
import type { Kind } from "../kind.ts";
import { bindingSchema } from "./schema.ts";
import type { Binding } from "./type.ts";
import { validateBinding } from "./validation.ts";

export const bindingKind: Kind<Binding> = {
  group: "",
  version: "v1",
  kind: "Binding",
  plural: "bindings",
  singular: "binding",
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: bindingSchema,
  columns: [],
  subresources: {},
  verbs: ["create"],
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateBinding,
  validateUpdate: validateBinding,
};
