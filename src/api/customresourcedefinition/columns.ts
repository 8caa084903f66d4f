/** The columns of `kubectl get crd` (registry/customresourcedefinition TableConvertor: the name and when it was made). */
import type { Column } from "../kind.ts";
import { nameColumn } from "../columns/common.ts";
import type { CustomResourceDefinition } from "./type.ts";

export const customResourceDefinitionColumns: readonly Column<CustomResourceDefinition>[] = [
  nameColumn,
  {
    name: "Created At",
    type: "date",
    description: "When the definition was made.",
    priority: 0,
    cell: ({ metadata }) => metadata.creationTimestamp ?? "",
  },
];
