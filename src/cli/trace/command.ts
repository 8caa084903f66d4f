/** `fairlead trace IP:PORT`: what would happen to a connection, and why. */
import { Command } from "commander";
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import { connect } from "../connect.ts";
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
  using client = await connect(flags.kubeconfig);
  const [services, slices] = await Promise.all([client.list(serviceKind), client.list(endpointSliceKind)]);
  void [address, port, services, slices];
}
