/**
 * netctl's commands and flags: Contiv's, in its order and with its names, aliases and defaults (netctl/commands.go), and
 * ours. What a command does is loaded when it runs: naming them all costs a start next to nothing.
 */
import { type Command, CommanderError } from "commander";
import { CONTIV_ONLY, contivOnlyCommands, globalCommand } from "./contiv-only.ts";
import { completeCommand, completionCommand } from "./completion/command.ts";
import { Flag, group, listFlag, netctlCommand, writeHelpTo } from "./flag.ts";
import { ownVersion } from "../own-version.ts";
import type { Stdio } from "./stdio.ts";
import { DEFAULT_TENANT } from "./tenant-flag.ts";

export function netctlProgram(stdio: Stdio): Command {
  const program = group("netctl", "Contiv's services for Docker, on fairlead", [
    netctlCommand("version", "Version Information").action(
      run(async (command) => (await import("./version.ts")).showVersion(command, stdio)),
    ),
    netctlCommand(
      "login",
      "take a token from the terminal or stdin, check it, keep it in ~/.netctl/config.json",
    ).action(run(async (command) => (await import("./login.ts")).login(command, stdio))),
    endpointCommand(stdio),
    networkCommand(stdio),
    tenantCommand(stdio),
    serviceCommand(stdio),
    globalCommand(stdio),
    completionCommand(stdio),
  ]);
  for (const each of [completeCommand(stdio, netctlProgram), ...contivOnlyCommands()])
    program.addCommand(each, { hidden: true });
  for (const flag of programFlags()) program.addOption(flag);
  writeHelpTo(stdio.stdout, program);
  return program
    .on("option:version", () => {
      stdio.stdout.write(`netctl version ${ownVersion()}\n`);
      throw new CommanderError(0, "commander.version", "");
    })
    .usage("[global options] command [command options] [arguments...]")
    .addHelpText(
      "after",
      `
Commands of Contiv that are not about services end with a sentence that says so: ${CONTIV_ONLY.join(", ")}.
Environment: NETMASTER as --netmaster, INSECURE=true as --insecure, KUBECONFIG as --kubeconfig.
Exit codes: 0 done, 1 the command line is wrong, 2 the server could not be asked, 3 it refused, 4 a file failed.

Examples:
  netctl net create contiv-srv-net -s 100.1.1.0/24
  netctl service create app-svc --network contiv-srv-net --selector=tier=web --port 8080:80:TCP
  netctl service ls --watch
  netctl service describe app-svc
  source <(netctl completion bash)
`,
    );
}

function programFlags(): Flag[] {
  return [
    new Flag(
      "netmaster",
      "URL",
      "the server (default: $NETMASTER, else the kubeconfig's, else where `fairlead up` runs on this machine)",
    ),
    new Flag("insecure", undefined, "take any certificate of the server (default: $INSECURE)"),
    new Flag("kubeconfig", "FILE", "the server and who you are there (default: $KUBECONFIG)"),
    new Flag("certificate-authority", "FILE", "PEM: trust servers with certificates of this authority"),
    new Flag("version, v", undefined, "print the version"),
  ];
}

/** Commander's arguments and options are read from the command itself: netctl counts arguments in Contiv's words. */
function run(action: (command: Command) => Promise<void>): (...all: unknown[]) => Promise<void> {
  return async (...all) => action(all.at(-1) as Command);
}

const tenant = (): Flag => new Flag("tenant, t", "NAME", "Name of the tenant").default(DEFAULT_TENANT);
const json = (): Flag => new Flag("json, j", undefined, "Output list in JSON format");
const quiet = (): Flag => new Flag("quiet, q", undefined, "Only display name field");
const watch = (): Flag =>
  new Flag("watch, w", undefined, "then print each change as it comes, until interrupted");
const listFlags = (): Flag[] => [
  tenant(),
  new Flag("all, a", undefined, "List all items"),
  json(),
  quiet(),
  watch(),
];

function endpointCommand(stdio: Stdio): Command {
  return group("endpoint", "Endpoint Inspection", [
    netctlCommand("inspect", "Inspect an Endpoint")
      .argument("[epid]", "a container's id")
      .action(run(async (command) => (await import("./endpoint.ts")).inspectEndpoint(command, stdio))),
  ]).alias("ep");
}

function networkCommand(stdio: Stdio): Command {
  return group("network", "Network manipulation tools", [
    netctlCommand("ls", "List networks", listFlags())
      .alias("list")
      .action(run(async (command) => (await import("./list.ts")).listNetworks(command, stdio))),
    netctlCommand("inspect", "Inspect a Network", [tenant()])
      .argument("[network]")
      .action(run(async (command) => (await import("./network.ts")).inspectNetwork(command, stdio))),
    netctlCommand("rm", "Delete a network", [tenant()])
      .alias("delete")
      .argument("[network]")
      .action(run(async (command) => (await import("./network.ts")).deleteNetwork(command, stdio))),
    netctlCommand("create", "Create a network", [
      tenant(),
      new Flag("nw-type, n", "TYPE", "Network Type (infra or data)").default("data"),
      new Flag("encap, e", "TYPE", "Encap type (vlan or vxlan)").default("vxlan"),
      new Flag("pkt-tag, p", "NUMBER", "Packet tag (Vlan/Vxlan ids)").default("0"),
      new Flag("subnet, s", "CIDR", "Subnet CIDR - REQUIRED, unless there is an IPv6 one"),
      new Flag("gateway, g", "ADDRESS", "Gateway"),
      new Flag("subnetv6, s6", "CIDR", "IPv6 Subnet CIDR"),
      new Flag("gatewayv6, g6", "ADDRESS", "IPv6 Gateway"),
      new Flag("nw-tag, tag", "NAME", "Configured Network Tag"),
    ])
      .argument("[network]")
      .action(run(async (command) => (await import("./network.ts")).createNetwork(command, stdio))),
  ]).alias("net");
}

function tenantCommand(stdio: Stdio): Command {
  return group("tenant", "Tenant manipulation tools", [
    netctlCommand("ls", "List tenants", [quiet(), json(), watch()])
      .alias("list")
      .action(run(async (command) => (await import("./list.ts")).listTenants(command, stdio))),
    netctlCommand("rm", "Delete a tenant")
      .alias("delete")
      .argument("[tenant]")
      .action(run(async (command) => (await import("./tenant.ts")).deleteTenant(command, stdio))),
    netctlCommand("create", "Create a tenant")
      .argument("[tenant]")
      .action(run(async (command) => (await import("./tenant.ts")).createTenant(command, stdio))),
    netctlCommand("inspect", "Inspect a tenant")
      .argument("[tenant]")
      .action(run(async (command) => (await import("./tenant.ts")).inspectTenant(command, stdio))),
  ]);
}

/** Of `create` and `update`. Contiv's `tenant` here has no default, and an empty one is "default". */
const serviceFlags = (otherwise: string): Flag[] => [
  new Flag("tenant, t", "NAME", "service tenant (default: default)"),
  new Flag("network, s", "NAME", "service network name"),
  listFlag("selector, l", "KEY=VALUE", "label that providers have; several times: all of them"),
  listFlag(
    "port, p",
    "SVC:PROV:PROTOCOL",
    "service and provider port, 8080:80:TCP; several times: all of them",
  ),
  new Flag("preferred-ip, ip", "ADDRESS", "preferred ip address"),
  new Flag("balance, b", "POLICY", `how clients are spread over providers${otherwise}`),
];

function serviceCommand(stdio: Stdio): Command {
  return group("service", "services: one address and ports for all containers with the labels chosen", [
    netctlCommand("ls", "List services", listFlags())
      .alias("list")
      .action(run(async (command) => (await import("./list.ts")).listServices(command, stdio))),
    netctlCommand("inspect", "Inspect a service", [tenant()])
      .argument("[servicename]")
      .action(run(async (command) => (await import("./service.ts")).inspectService(command, stdio))),
    netctlCommand("describe", "say of each container of the tenant why it is or is not a provider", [
      tenant(),
      json(),
    ])
      .argument("[servicename]")
      .action(run(async (command) => (await import("./service.ts")).describeService(command, stdio))),
    netctlCommand("rm", "Delete a service", [
      new Flag("tenant, t", "NAME", "service tenant (default: default)"),
    ])
      .alias("delete")
      .argument("[servicename]")
      .action(run(async (command) => (await import("./service.ts")).deleteService(command, stdio))),
    netctlCommand("create", "Create a service", serviceFlags(" (default: least-clients)"))
      .argument("[servicename]")
      .action(run(async (command) => (await import("./service.ts")).createService(command, stdio))),
    netctlCommand(
      "update",
      "change what is given and nothing else; selectors and ports are replaced",
      serviceFlags(""),
    )
      .argument("[servicename]")
      .action(run(async (command) => (await import("./service.ts")).updateService(command, stdio))),
  ]);
}
