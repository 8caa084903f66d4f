/** `fairlead trace IP:PORT`: what would happen to a connection, and why. */
import { Command } from "commander";
import { SERVICE_RANGES_ANNOTATION } from "../../agent/node.ts";
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import { nodeKind } from "../../api/node/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import { parseIp } from "../../base/ip.ts";
import type { Client } from "../../client/client.ts";
import { OURS_SELECTOR } from "../../dataplane/service-ports.ts";
import { createServiceTracker } from "../../dataplane/service-table.ts";
import type { ServiceTable } from "../../dataplane/table.ts";
import { type Explanation, traceConnection } from "../../dataplane/trace.ts";
import { connect } from "../connect.ts";
import { UserError } from "../user-error.ts";
import { parseTarget } from "./target.ts";

interface TraceFlags {
  readonly kubeconfig?: string;
  readonly udp?: boolean;
  readonly source?: string;
  readonly output: string;
}

export function traceCommand(): Command {
  return new Command("trace")
    .description("say what would happen to a connection to IP:PORT, and why")
    .argument("<ip:port>", "the address a client connects to; IPv6 as [fd00::1]:80")
    .option("--udp", "a UDP flow rather than a TCP connection")
    .option("--source <IP>", "the client's address; matters when the client is itself an endpoint")
    .option(
      "--kubeconfig <FILE>",
      "how to reach the API (default: $KUBECONFIG, else where `fairlead up` writes it)",
    )
    .option("-o, --output <FORMAT>", "text or json", "text")
    .addHelpText(
      "after",
      "\nExamples:\n  fairlead trace 10.96.0.10:80\n  fairlead trace --udp 10.96.0.53:53\n",
    )
    .action(trace);
}

async function trace(target: string, flags: TraceFlags): Promise<void> {
  const { address, port } = parseTarget(target);
  if (flags.output !== "text" && flags.output !== "json")
    throw new UserError(`--output ${JSON.stringify(flags.output)} is not known`, "take text or json");
  if (flags.source !== undefined && parseIp(flags.source) === undefined)
    throw new UserError(`--source ${JSON.stringify(flags.source)} is not an IP address`);
  using client = await connect(flags.kubeconfig);
  const explanation = traceConnection(await desiredTable(client), {
    address,
    port,
    protocol: flags.udp === true ? "UDP" : "TCP",
    ...(flags.source === undefined ? {} : { source: flags.source }),
  });
  const { trace: _steps, ...facts } = explanation;
  process.stdout.write(
    flags.output === "json" ? `${JSON.stringify(facts, null, 2)}\n` : traceText(explanation),
  );
}

/** What the nodes' data planes are told, from the same objects and by the same code as they are told it. */
async function desiredTable(client: Client): Promise<ServiceTable> {
  const [services, slices, nodes] = await Promise.all([
    client.list(serviceKind, { labelSelector: OURS_SELECTOR }),
    client.list(endpointSliceKind),
    client.list(nodeKind),
  ]);
  const tracker = createServiceTracker();
  for (const service of services.items) tracker.setService(service);
  for (const slice of slices.items) tracker.setSlice(slice);
  tracker.take();
  const ranges = nodes.items.flatMap(({ metadata }) =>
    (metadata.annotations?.[SERVICE_RANGES_ANNOTATION] ?? "").split(",").filter((range) => range !== ""),
  );
  return { ports: tracker.ports, ranges: [...new Set(ranges)] };
}

function traceText({ words, endpoints }: Explanation): string {
  const lines = endpoints.map(
    ({ address, port, percent, seenAs }) =>
      `  ${percent.toFixed(1).padStart(5)} %  ${address}:${port}, which sees the client as ${seenAs}`,
  );
  return [...words, ...lines].map((line) => `${line}\n`).join("");
}
