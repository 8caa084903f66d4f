/** v1 ConfigMap. */
import type { KubeObject } from "../meta/type.ts";

export interface ConfigMap extends KubeObject {
  immutable?: boolean;
  data?: Record<string, string>;
  /** The values in base64. */
  binaryData?: Record<string, string>;
}
