/** The kind Node: its names and its rules. */
import type { Kind } from "../kind.ts";
import { nodeColumns } from "./columns.ts";
import { setNodeDefaults } from "./defaults.ts";
import { validateNode, validateNodeUpdate } from "./validation.ts";
import { nodeSchema } from "./schema.ts";
import type { Node } from "./type.ts";
import { nodeWarnings } from "./warnings.ts";

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
  columns: nodeColumns,
  subresources: { status: true },
  generation: false,
  selectableFields: {
    "spec.unschedulable": ({ spec }) => String(spec?.unschedulable ?? false),
  },
  setDefaults: setNodeDefaults,
  prepareForCreate: () => {},
  prepareForUpdate: (node, old) => {
    // Nodes are registered with their status; later it changes only through /status.
    node.status = structuredClone(old.status ?? {});
  },
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  prepareForStatusUpdate: (node, old) => {
    node.spec = structuredClone(old.spec ?? {});
  },
  validateStatusUpdate: validateNodeUpdate,
  warnings: nodeWarnings,
};
