/**
 * What the cluster says of this node, and where its pods have their addresses: zone and addresses for the policies of
 * Services, the pods' ranges of all nodes to tell clients inside the cluster from those outside.
 */
import { ApiError } from "../api/api-error.ts";
import { nodeKind } from "../api/node/kind.ts";
import type { Node } from "../api/node/type.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import { startInformer } from "../client/informer.ts";
import type { NodeView } from "../dataplane/node-view.ts";
import { ZONE_LABEL } from "./node.ts";

export interface OwnNodeOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** Whether the other nodes are followed too, for their pods' ranges: not needed where those of the cluster are given. */
  readonly allNodes: boolean;
  /** Of this node, whatever its Node says; undefined: what that says. */
  readonly zone: string | undefined;
  /** Called when any of it has changed, first when it is known. */
  readonly onChange: (known: KnownNode) => void;
  readonly log?: Log;
  readonly signal: AbortSignal;
}

export interface KnownNode {
  readonly view: NodeView;
  /** Undefined: there is no Node of that name. */
  readonly node: Node | undefined;
  /** spec.podCIDRs of the nodes that are followed, sorted. */
  readonly podCidrs: readonly string[];
}

export interface OwnNode {
  /** Resolves when `onChange` was called for the first time, or when the server has refused to say. */
  readonly known: Promise<void>;
  readonly done: Promise<void>;
}

export function followOwnNode(options: OwnNodeOptions): OwnNode {
  const { client, nodeName, allNodes, onChange, log = silentLog, signal } = options;
  const known = Promise.withResolvers<void>();
  const nodes = startInformer({
    client,
    kind: nodeKind,
    ...(!allNodes && { fieldSelector: `metadata.name=${nodeName}` }),
    signal,
    log,
    onFailure(error) {
      // Services work without it too, if less well: their clients are not kept waiting until somebody grants a right.
      if (error instanceof ApiError && (error.code === 403 || error.code === 404)) known.resolve();
    },
  });
  let told = "";

  function look(): void {
    if (!nodes.hasSynced || signal.aborted) return;
    const node = nodes.get(undefined, nodeName);
    const zone = options.zone ?? node?.metadata.labels?.[ZONE_LABEL];
    const addresses = (node?.status?.addresses ?? [])
      .filter(({ type }) => type === "InternalIP" || type === "ExternalIP")
      .map(({ address }) => address);
    const view = { name: nodeName, addresses, ...(zone !== undefined && zone !== "" && { zone }) };
    const podCidrs = Array.from(nodes.list().values(), podCidrsOf).flat().sort();
    // Nodes are written every few seconds, mostly to say that they are alive.
    const now = JSON.stringify([view, podCidrs, node?.metadata.deletionTimestamp, node?.spec?.taints]);
    if (now === told) return;
    told = now;
    if (node === undefined)
      log.warn({ node: nodeName }, "there is no Node of this name: its zone is not known, see --node-name");
    onChange({ view, node, podCidrs });
  }

  nodes.addHandler({ onAdd: look, onUpdate: look, onDelete: look });
  nodes.synced.then(look, () => undefined).then(known.resolve, known.reject);
  return { known: known.promise, done: nodes.done };
}

function podCidrsOf({ spec }: Node): readonly string[] {
  return spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]);
}
