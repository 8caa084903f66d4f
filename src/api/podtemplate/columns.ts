/** The columns of `kubectl get podtemplates` (printers/internalversion printPodTemplate), and those of any template. */
import { column, formatLabels, nameColumn } from "../columns/common.ts";
import type { Column } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import type { PodTemplate, PodTemplateSpec } from "./type.ts";

/** "Containers" and "Images": names and images of a template's containers. */
export function containerColumns<T extends KubeObject>(
  templateOf: (object: T) => PodTemplateSpec | undefined,
  priority: number,
): Column<T>[] {
  const join = (object: T, part: "name" | "image"): string =>
    (templateOf(object)?.spec?.containers ?? []).map((container) => container[part] ?? "").join(",");
  return [
    column(
      "Containers",
      "The names of the template's containers.",
      (object: T) => join(object, "name"),
      priority,
    ),
    column(
      "Images",
      "The images of the template's containers.",
      (object: T) => join(object, "image"),
      priority,
    ),
  ];
}

export const podTemplateColumns: readonly Column<PodTemplate>[] = [
  nameColumn,
  ...containerColumns<PodTemplate>(({ template }) => template, 0),
  column("Pod Labels", "The labels of the template's pods.", ({ template }) =>
    formatLabels(template?.metadata?.labels),
  ),
];
