/** Which Network a Service says that its addresses are of. */
import type { KubeObject } from "../meta/type.ts";
import { NETWORK_ANNOTATION } from "./type.ts";

/** The name of a Network of its namespace; undefined: its addresses are of the ServiceCIDRs, or it has none. */
export function serviceNetwork({ metadata }: KubeObject): string | undefined {
  const name = metadata.annotations?.[NETWORK_ANNOTATION] ?? "";
  return name === "" ? undefined : name;
}
