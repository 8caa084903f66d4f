/** `fairlead status`: each Service, what it says, its endpoints, and why a pod that looks like one is none. */
import { networkInterfaces } from "node:os";
import { Command, Option } from "commander";
import { ZONE_LABEL } from "../../agent/node.ts";
import { ApiError } from "../../api/api-error.ts";
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import { eventKind } from "../../api/event/kind.ts";
import type { Event } from "../../api/event/type.ts";
import { nodeKind } from "../../api/node/kind.ts";
import type { Node } from "../../api/node/type.ts";
import { podKind } from "../../api/pod/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service } from "../../api/service/type.ts";
import type { Client, ListQuery } from "../../client/client.ts";
import type { NodeView } from "../../dataplane/node-view.ts";
import { createServiceTracker, type VirtualPortConflict } from "../../dataplane/service-table.ts";
import { machinesNode, namedNode } from "../choose-node.ts";
import { connect } from "../connect.ts";
import { UserError } from "../user-error.ts";
import { reportService } from "./report.ts";
import { statusText } from "./text.ts";

interface StatusFlags {
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly node?: string;
  readonly output: "text" | "wide" | "json";
  readonly json?: true;
}

export function statusCommand(): Command {
  return new Command("status")
    .description(
      "show each Service: addresses, ports, policies, endpoints, and why a container is not one of them",
    )
    .argument("[service]", "only the Service of this name")
    .option(
      "--kubeconfig <FILE>",
      "how to reach the API (default: $KUBECONFIG, else where `fairlead up` writes it)",
    )
    .option("-n, --namespace <NAME>", "only Services of this namespace (default: all)")
    .option(
      "--node <NAME>",
      "from which node's point of view endpoints are used or not (default: this machine's, else the only one)",
    )
    .addOption(
      new Option(
        "-o, --output <FORMAT>",
        "wide: policies, affinity, balance; nodes, zones, weights of endpoints",
      )
        .choices(["text", "wide", "json"])
        .default("text"),
    )
    .option("--json", "the same as --output json")
    .addHelpText(
      "after",
      `
Examples:
  fairlead status
  fairlead status web -n shop -o wide
  fairlead status --json
`,
    )
    .action(status);
}

async function status(name: string | undefined, flags: StatusFlags): Promise<void> {
  using client = await connect(flags.kubeconfig);
  const query = flags.namespace === undefined ? {} : { namespace: flags.namespace };
  const [services, slices, pods, nodes, events] = await Promise.all([
    // Of all namespaces: any of them may have the virtual port that one here wants.
    client.list(serviceKind),
    client.list(endpointSliceKind, query),
    client.list(podKind),
    client.list(nodeKind),
    warnings(client, query),
  ]);
  const node = chooseNode(nodes.items, flags.node);
  const conflicts = conflictsOf(services.items, node);
  const reports = services.items
    .filter(
      ({ metadata }) =>
        (name === undefined || metadata.name === name) &&
        (flags.namespace === undefined || metadata.namespace === flags.namespace),
    )
    .map((service) =>
      reportService(service, { slices: slices.items, pods: pods.items, events, conflicts, node }),
    );
  if (name !== undefined && reports.length === 0) throw new UserError(`there is no Service named ${name}`);
  process.stdout.write(
    flags.output === "json" || flags.json
      ? `${JSON.stringify(reports, null, 2)}\n`
      : statusText(reports, { wide: flags.output === "wide", node: node?.name }),
  );
}

/** Whoever may read Services but no Events is still told the rest. */
async function warnings(client: Client, query: ListQuery): Promise<readonly Event[]> {
  try {
    const fieldSelector = "involvedObject.kind=Service,type=Warning";
    return (await client.list(eventKind, { ...query, fieldSelector })).items;
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 403)) throw error;
    process.stderr.write(`fairlead: Events are not shown: ${error.message}\n`);
    return [];
  }
}

function chooseNode(nodes: readonly Node[], wanted: string | undefined): NodeView | undefined {
  const own = Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address));
  const node = wanted === undefined ? (machinesNode(nodes, own) ?? onlyOf(nodes)) : namedNode(nodes, wanted);
  if (node === undefined) return undefined;
  const zone = node.metadata.labels?.[ZONE_LABEL];
  return { name: node.metadata.name!, ...(zone !== undefined && zone !== "" && { zone }) };
}

function onlyOf(nodes: readonly Node[]): Node | undefined {
  return nodes.length === 1 ? nodes[0] : undefined;
}

/** Who has the virtual ports that several want: decided by the same code as on the nodes. */
function conflictsOf(
  services: readonly Service[],
  node: NodeView | undefined,
): readonly VirtualPortConflict[] {
  const tracker = createServiceTracker(node === undefined ? {} : { node });
  for (const service of services) tracker.setService(service);
  tracker.take();
  return tracker.conflicts();
}
