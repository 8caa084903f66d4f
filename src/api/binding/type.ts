/** v1 Binding: puts a pod on a node. Sent to pods/binding, never stored. */
import type { ObjectReference } from "../event/type.ts";
import type { KubeObject } from "../meta/type.ts";

export interface Binding extends KubeObject {
  target: ObjectReference;
}
