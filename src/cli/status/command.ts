/** `fairlead status`: each Service, its endpoints, and why a pod that looks like one is none. */
import { Command } from "commander";
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import { podKind } from "../../api/pod/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import { connect } from "../connect.ts";
import { UserError } from "../user-error.ts";
import { reportService } from "./explain.ts";
import { statusText } from "./text.ts";

interface StatusFlags {
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly output: string;
}

export function statusCommand(): Command {
  return new Command("status")
    .description("show each Service: virtual IP, ports, endpoints, and why a container is not one of them")
    .argument("[service]", "only the Service of this name")
    .option(
      "--kubeconfig <FILE>",
      "how to reach the API (default: $KUBECONFIG, else where `fairlead up` writes it)",
    )
    .option("-n, --namespace <NAME>", "only Services of this namespace (default: all)")
    .option("-o, --output <FORMAT>", "text or json", "text")
    .addHelpText(
      "after",
      "\nExamples:\n  fairlead status\n  fairlead status web -n shop\n  fairlead status -o json\n",
    )
    .action(status);
}

async function status(name: string | undefined, flags: StatusFlags): Promise<void> {
  if (flags.output !== "text" && flags.output !== "json")
    throw new UserError(`--output ${JSON.stringify(flags.output)} is not known`, "take text or json");
  using client = await connect(flags.kubeconfig);
  const namespaced = flags.namespace === undefined ? {} : { namespace: flags.namespace };
  const [services, slices, pods] = await Promise.all([
    client.list(serviceKind, namespaced),
    client.list(endpointSliceKind, namespaced),
    client.list(podKind),
  ]);
  const reports = services.items
    .filter(({ metadata }) => name === undefined || metadata.name === name)
    .map((service) => reportService(service, slices.items, pods.items));
  if (name !== undefined && reports.length === 0) throw new UserError(`there is no Service named ${name}`);
  process.stdout.write(
    flags.output === "json" ? `${JSON.stringify(reports, null, 2)}\n` : statusText(reports),
  );
}
