/** Objects say their own type on the wire; in a program the Kind beside them does. */
import { apiVersionOf, type KindName } from "../api/kind.ts";
import type { KubeObject } from "../api/meta/type.ts";

/** `object` with apiVersion and kind, copied only if they are missing (servers leave them out of lists). */
export function withType<T extends KubeObject>(kind: KindName, object: T): T {
  if (object.apiVersion !== undefined && object.kind !== undefined) return object;
  return { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind };
}
