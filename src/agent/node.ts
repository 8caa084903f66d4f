/** This machine as a Node object: what `kubectl get nodes` shows, and what pods are bound to. */
import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem } from "node:os";
import { ApiError } from "../api/api-error.ts";
import { HOST_ADDRESSES_ANNOTATION } from "../api/node/host-addresses.ts";
import { nodeKind } from "../api/node/kind.ts";
import type { Node } from "../api/node/type.ts";
import type { Client } from "../client/client.ts";
import { hostAddressesText, type MachineAddresses, nodeAddressList } from "./node-addresses.ts";

/** Node annotation: the ranges of virtual addresses that its data plane answers for, comma-separated. */
export const SERVICE_RANGES_ANNOTATION = "fairlead.dev/service-ranges";

/** Which zone a node is in: endpoints of the same zone may be preferred. */
export const ZONE_LABEL = "topology.kubernetes.io/zone";

export interface NodeDescription {
  readonly name: string;
  /** Of those that others reach this node by, the first of each family is its InternalIP. */
  readonly addresses: MachineAddresses;
  /** Where its pods get their addresses from: none, one range, or one of each family. */
  readonly podCidrs: readonly string[];
  /** "10.96.0.0/16"; none without a data plane. */
  readonly serviceRanges: readonly string[];
  /** For the label topology.kubernetes.io/zone; undefined: a label that is there stays. */
  readonly zone: string | undefined;
  /** "docker://20.10.24" or "process://24.21.0". */
  readonly containerRuntimeVersion: string;
  /** fairlead's own version. */
  readonly version: string;
}

/** Writes the Node, new or not. A Node that somebody labelled or annotated keeps that. */
export async function registerNode(client: Client, description: NodeDescription): Promise<void> {
  const wanted = nodeOf(description, new Date());
  const existing = await client
    .create(nodeKind, wanted, { fieldManager: "fairlead" })
    .catch((error: unknown) => {
      if (error instanceof ApiError && error.reason === "AlreadyExists")
        return client.get(nodeKind, { name: description.name });
      throw error;
    });
  const labels = { ...existing.metadata.labels, ...wanted.metadata.labels };
  const annotations = { ...existing.metadata.annotations, ...wanted.metadata.annotations };
  const updated = await client.update(nodeKind, {
    ...existing,
    metadata: { ...existing.metadata, labels, annotations },
    spec: { ...existing.spec, ...wanted.spec },
  });
  await client.update(nodeKind, { ...updated, status: wanted.status! }, { subresource: "status" });
}

function nodeOf(description: NodeDescription, now: Date): Node {
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const machine = arch() === "x64" ? "amd64" : arch();
  return {
    metadata: {
      name: description.name,
      labels: {
        "kubernetes.io/hostname": description.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine,
        ...(description.zone !== undefined && { [ZONE_LABEL]: description.zone }),
      },
      annotations: {
        [SERVICE_RANGES_ANNOTATION]: description.serviceRanges.join(","),
        [HOST_ADDRESSES_ANNOTATION]: hostAddressesText(description.addresses),
      },
    },
    spec:
      description.podCidrs[0] === undefined
        ? {}
        : { podCIDR: description.podCidrs[0], podCIDRs: [...description.podCidrs] },
    status: {
      addresses: nodeAddressList(description.addresses.reached, description.name),
      // Nothing is kept back from pods.
      capacity: machineResources(),
      allocatable: machineResources(),
      conditions: [
        {
          type: "Ready",
          status: "True",
          reason: "FairleadReady",
          message: "fairlead is running on this node",
          lastHeartbeatTime: time,
          lastTransitionTime: time,
        },
      ],
      nodeInfo: {
        machineID: readOr("/etc/machine-id", ""),
        systemUUID: "",
        bootID: readOr("/proc/sys/kernel/random/boot_id", ""),
        kernelVersion: release(),
        osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(readOr("/etc/os-release", ""))?.[1] ?? "Linux",
        containerRuntimeVersion: description.containerRuntimeVersion,
        kubeletVersion: `fairlead-${description.version}`,
        kubeProxyVersion: "",
        operatingSystem: "linux",
        architecture: machine,
      },
    },
  };
}

/** As a kubelet counts them: logical processors, and memory in KiB. */
function machineResources(): Record<string, string> {
  return { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki` };
}

/** These files are for people's information only: a machine without one is still a node. */
function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return otherwise;
  }
}
