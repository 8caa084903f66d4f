import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../api/meta/type.ts";

/** Whether two objects have the same labels. */
export function sameLabels(a: KubeObject, b: KubeObject): boolean {
  return isDeepStrictEqual(a.metadata.labels ?? {}, b.metadata.labels ?? {});
}
