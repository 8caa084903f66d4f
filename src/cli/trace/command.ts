/** `fairlead trace`: what would happen to a connection, and why. */
import { Command } from "commander";
import { parseCidr, parseIp } from "../../base/ip.ts";
import type { Explanation } from "../../dataplane/explanation.ts";
import type { HostOptions } from "../../dataplane/fake/host.ts";
import { formatTrace } from "../../dataplane/fake/packet-trace.ts";
import { formatEndpoint } from "../../dataplane/fake/packet.ts";
import { TABLE_NAME } from "../../dataplane/nftables/ruleset.ts";
import { traceConnection } from "../../dataplane/trace.ts";
import { canUseNetns } from "../../sys/capability.ts";
import { connect } from "../connect.ts";
import { UserError } from "../user-error.ts";
import { desiredTable } from "./desired-table.ts";
import { withKernelRanges } from "./kernel-ranges.ts";
import type { AddressTarget } from "./target.ts";
import { addressesOf, parseTarget } from "./target.ts";
import { copyKernel, readHost, sourceTo } from "./this-node.ts";

interface TraceFlags {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly udp?: true;
  readonly from?: string;
  readonly fromPort?: string;
  readonly node?: string;
  readonly netns?: string;
  readonly clusterCidr?: string;
  readonly rules?: true;
  readonly json?: true;
}

export function traceCommand(): Command {
  return new Command("trace")
    .description("say what would happen to a connection, and why")
    .argument(
      "<target>",
      "ADDRESS:PORT, with /UDP or /SCTP if it is not TCP; or a Service: [NAMESPACE/]NAME[:PORT]",
    )
    .option("--from <IP>", "the client's address (default: a process on the node)")
    .option("--from-port <PORT>", "the client's port; matters where it is hashed")
    .option("-n, --namespace <NAME>", "of a Service named without", "default")
    .option("--udp", "the same as /UDP")
    .option("--node <NAME>", "as this node does it (default: the one that this machine is, else the first)")
    .option("--netns <NAME>", "the node's network namespace, if that is not the caller's")
    .option("--cluster-cidr <CIDRS>", "as given to the agents: where pods of all nodes have their addresses")
    .option("--rules", "show every rule on the way, too")
    .option(
      "--kubeconfig <FILE>",
      "how to reach the API (default: $KUBECONFIG, else where `fairlead up` writes it)",
    )
    .option("--json", "print the answer as JSON")
    .addHelpText(
      "after",
      `
Run it as root on the node: a packet is then sent through a copy of the kernel's own rules and maps, and what they do
otherwise than the Services say is told. Elsewhere the rules are worked out from the Services.

Examples:
  fairlead trace 10.96.0.10:80
  fairlead trace 10.96.0.53:53/UDP --from 10.244.0.7
  fairlead trace shop/web:http --json
`,
    )
    .action(trace);
}

async function trace(text: string, flags: TraceFlags): Promise<void> {
  const parsed = parseTarget(text, flags.namespace);
  const target = flags.udp === true ? { protocol: "UDP" as const, ...parsed } : parsed;
  const from = readFlags(flags);
  using client = await connect(flags.kubeconfig);
  const host = await readHost(flags.netns);
  const own = host.interfaces.flatMap(({ addresses }) => addresses.map((one) => one.split("/")[0]!));
  const cidrs = flags.clusterCidr?.split(",") ?? [];
  const desired = await desiredTable(client, flags.node, own, cidrs);
  // With --netns it is for the caller to know whose that is. A Node with a loopback address had no other: it is here.
  const isHere =
    flags.netns !== undefined ||
    desired.nodeAddresses.some((address) => own.includes(address) || isLoopback(address));
  const kernel = isHere && canUseNetns() ? await copyKernel(flags.netns, host) : undefined;
  const table = kernel === undefined ? desired.table : withKernelRanges(desired.table, kernel);
  const options = {
    host: isHere ? host : hostOf(desired.nodeAddresses),
    ...(kernel === undefined ? {} : { kernel }),
  };
  const nodeAddresses = isHere && flags.netns !== undefined ? own : desired.nodeAddresses;
  const targets: readonly AddressTarget[] =
    target.kind === "address"
      ? [target]
      : addressesOf(target, table.ports.values(), nodeAddresses, desired.services);
  const meant = targets.filter(
    ({ address }) => isOfFamily(address, from.source) || target.kind === "address",
  );
  const explanations = await Promise.all(
    meant.map(async ({ address, port, protocol = "TCP" }) => {
      // The route, not only the address, decides what a process of this host sends from, which hashes depend on.
      const source = isHere ? await sourceTo(flags.netns, address) : undefined;
      const client = { ...(source === undefined ? {} : { source }), ...from };
      return {
        target: `${formatEndpoint({ address, port })}/${protocol}`,
        ...traceConnection(table, { address, port, protocol, ...client }, options),
      };
    }),
  );
  const source = kernel === undefined ? "services" : "kernel";
  if (flags.json === true) {
    const facts = explanations.map(({ trace: _steps, ...rest }) => ({ ...rest, node: desired.node, source }));
    process.stdout.write(`${JSON.stringify(target.kind === "address" ? facts[0] : facts, null, 2)}\n`);
    return;
  }
  const note =
    kernel === undefined ? `(worked out from the Services; ${whyNotKernel(isHere, desired.node)})\n` : "";
  process.stdout.write(`${explanations.map((one) => explanationText(one, flags)).join("\n")}${note}`);
}

function whyNotKernel(isHere: boolean, node: string | undefined): string {
  if (node === undefined) return "no node has registered, so this is what any would do";
  if (!isHere) return `run as root on node ${node}, or with its --netns, to follow the kernel's own rules`;
  if (!canUseNetns()) return "run as root to follow the kernel's own rules";
  return `there is no table inet ${TABLE_NAME} in this network namespace, so node ${node} has another data plane or --netns`;
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

function readFlags({ from, fromPort, clusterCidr }: TraceFlags): { source?: string; sourcePort?: number } {
  if (from !== undefined && parseIp(from) === undefined)
    throw new UserError(`--from ${JSON.stringify(from)} is not an IP address`);
  const sourcePort = Number(fromPort ?? 1);
  if (!Number.isInteger(sourcePort) || sourcePort < 1 || sourcePort > 65_535)
    throw new UserError(
      `--from-port ${JSON.stringify(fromPort)} is not a port`,
      "take a number from 1 to 65535",
    );
  for (const range of clusterCidr?.split(",") ?? [])
    if (parseCidr(range) === undefined)
      throw new UserError(
        `--cluster-cidr ${JSON.stringify(range)} is not a range`,
        'write it as "10.244.0.0/16,fd00:244::/48"',
      );
  return {
    ...(from === undefined ? {} : { source: from }),
    ...(fromPort === undefined ? {} : { sourcePort }),
  };
}

function isOfFamily(address: string, source: string | undefined): boolean {
  return source === undefined || source.includes(":") === address.includes(":");
}

/** A node that is somewhere else, as far as the API knows it. */
function hostOf(addresses: readonly string[]): HostOptions {
  const interfaces = addresses
    .filter((address) => !isLoopback(address))
    .map((address) => `${address}/${address.includes(":") ? 128 : 32}`);
  return {
    interfaces: [{ name: "eth0", addresses: interfaces }],
    routes: [
      { to: "0.0.0.0/0", oif: "eth0" },
      { to: "::/0", oif: "eth0" },
    ],
  };
}

function explanationText({ words, endpoints, trace }: Explanation, { rules }: TraceFlags): string {
  const lines = endpoints.map(
    (one) =>
      `  ${one.percent.toFixed(1).padStart(5)} %  ${formatEndpoint(one)}, which sees the client as ${one.seenAs}`,
  );
  const steps = rules === true ? [formatTrace(trace)] : [];
  return [...words, ...lines, ...steps].map((line) => `${line}\n`).join("");
}
