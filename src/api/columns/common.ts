/** Columns and cells that several kinds have. */
import type { Column } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import { since } from "./age.ts";

type Cell<T extends KubeObject> = Column<T>["cell"];

/** A column of text. */
export function column<T extends KubeObject>(
  name: string,
  description: string,
  cell: Cell<T>,
  priority = 0,
): Column<T> {
  return { name, type: "string", description, priority, cell };
}

/** A column shown only with `-o wide`. */
export function wideColumn<T extends KubeObject>(
  name: string,
  description: string,
  cell: Cell<T>,
): Column<T> {
  return column(name, description, cell, 1);
}

export const nameColumn: Column<KubeObject> = {
  name: "Name",
  type: "string",
  format: "name",
  description: "The name, unique among objects of the kind in the namespace.",
  priority: 0,
  cell: ({ metadata }) => metadata.name ?? "",
};

export const ageColumn: Column<KubeObject> = column(
  "Age",
  "Time since the object was created.",
  ({ metadata }, now) => since(metadata.creationTimestamp, now),
);

/** "a=1,b=2", sorted; "<none>" when there are none. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? "<none>" : pairs.sort().join(",");
}

/** At most three, and how many more there are. */
export function firstThree(list: readonly string[]): string {
  const shown = list.slice(0, 3).join(",");
  return list.length > 3 ? `${shown} + ${list.length - 3} more...` : shown;
}
