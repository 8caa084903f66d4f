/** The columns of custom resources (apiextensions-apiserver pkg/registry/customresource/tableconvertor). */
import { since } from "../columns/age.ts";
import { ageColumn, nameColumn } from "../columns/common.ts";
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
} from "../customresourcedefinition/type.ts";
import type { Column } from "../kind.ts";
import type { KubeObject } from "../meta/type.ts";
import { parsePath, valuesAt } from "./simple-path.ts";

export function customColumns({
  additionalPrinterColumns = [],
}: CustomResourceDefinitionVersion): Column<KubeObject>[] {
  if (additionalPrinterColumns.length === 0) return [nameColumn, ageColumn];
  return [nameColumn, ...additionalPrinterColumns.map(columnOf)];
}

function columnOf(definition: CustomResourceColumnDefinition): Column<KubeObject> {
  const { name, format, description = "", priority = 0, jsonPath } = definition;
  const type = definition.type as Column<KubeObject>["type"];
  const steps = parsePath(jsonPath);
  return {
    name,
    type,
    ...(format !== undefined && { format }),
    description:
      description === ""
        ? `Custom resource definition column (in JSONPath format): ${jsonPath}`
        : description,
    priority,
    cell(object, now) {
      const values = steps === undefined ? [] : valuesAt(steps, object);
      return values.length === 0 ? null : cellOf(type, values, now);
    },
  };
}

/** One value in the column's type, where it is of that type; several, or objects, as text. */
function cellOf(
  type: Column<KubeObject>["type"],
  values: readonly unknown[],
  now: number,
): string | number | boolean | null {
  const [value] = values;
  switch (type) {
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date": {
      if (typeof value !== "string") return null;
      return Number.isNaN(Date.parse(value)) ? "<invalid>" : since(value, now);
    }
    default:
      return values.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(",");
  }
}
