/** Objects as rows for a terminal: meta.k8s.io Table, what `kubectl get` asks for. */
import type { Column, Kind } from "../../api/kind.ts";
import type { KubeObject, ListMeta } from "../../api/meta/type.ts";

/** What of each object goes with its row. */
export type IncludeObject = "None" | "Metadata" | "Object";

export interface TableOptions {
  readonly version: "v1" | "v1beta1";
  readonly include: IncludeObject;
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
}

export function tableOf<T extends KubeObject>(
  kind: Kind<T>,
  items: readonly T[],
  metadata: ListMeta,
  options: TableOptions,
): object {
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: columnDefinitions(kind),
    rows: items.map((item) => tableRow(kind, item, options)),
  };
}

export function columnDefinitions<T extends KubeObject>({ columns }: Kind<T>): object[] {
  return columns.map(definition);
}

function definition<T extends KubeObject>({
  name,
  type,
  format = "",
  description,
  priority,
}: Column<T>): object {
  return { name, type, format, description, priority };
}

export function tableRow<T extends KubeObject>(
  kind: Kind<T>,
  object: T,
  { version, include, now }: TableOptions,
): object {
  const cells = kind.columns.map((column) => column.cell(object, now));
  switch (include) {
    case "None":
      return { cells, object: null };
    case "Object":
      return { cells, object };
    default:
      return { cells, object: partialOf(object, version) };
  }
}

/** The metadata alone. */
export function partialOf({ metadata }: KubeObject, version: "v1" | "v1beta1"): object {
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${version}`, metadata };
}
