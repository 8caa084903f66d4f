/** The kind Node: its names and its rules. */
import type { Kind } from "../kind.ts";
import { nodeSchema } from "./schema.ts";
import type { Node } from "./type.ts";

export const nodeKind: Kind<Node> = {
  group: "",
  version: "v1",
  kind: "Node",
  plural: "nodes",
  singular: "node",
  shortNames: ["no"],
  categories: [],
  namespaced: false,
  schema: nodeSchema,
  columns: [],
  subresources: { status: true },
  generation: false,
  selectableFields: {},
  setDefaults: () => {},
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: () => [],
  validateUpdate: () => [],
};
