/** The node that a table is made for: policies and hints depend on where the data plane is. */
export interface NodeView {
  /** As in EndpointSlice endpoints[].nodeName and hints.forNodes. */
  readonly name: string;
  /** Its label topology.kubernetes.io/zone. @default {in no zone} */
  readonly zone?: string;
  /** Its own addresses (Node status.addresses), in any form Kubernetes takes. @default {none known} */
  readonly addresses?: readonly string[];
}

export function sameNode(a: NodeView | undefined, b: NodeView | undefined): boolean {
  return (
    a?.name === b?.name &&
    a?.zone === b?.zone &&
    (a?.addresses ?? []).join(" ") === (b?.addresses ?? []).join(" ")
  );
}
