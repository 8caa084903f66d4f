/** Commands of Contiv's netctl that are not about services: what is said instead, so that scripts and people know. */
import type { Command } from "commander";
import { EXIT, NetctlError } from "./failure.ts";
import { Flag, group, netctlCommand, noArguments } from "./flag.ts";
import type { Stdio } from "./stdio.ts";

/** By the name of the command: what fairlead does not have. */
const MISSING: Readonly<Record<string, string>> = {
  group: "endpoint groups",
  policy: "Contiv's policies and their rules",
  netprofile: "network profiles",
  "app-profile": "application profiles",
  "external-contracts": "external contracts",
  bgp: "Contiv's BGP routers",
  "aci-gw": "an ACI gateway",
};

export const CONTIV_ONLY: readonly string[] = Object.keys(MISSING);

export function contivOnlyCommands(): Command[] {
  return Object.entries(MISSING).map(([name, what]) => {
    const sentence = `fairlead does not have ${what} (netctl ${name}): of Contiv it has networks, tenants and services`;
    // Whatever stands after it: no flag of these is known.
    return netctlCommand(name, `${what}: not in fairlead`)
      .allowUnknownOption()
      .action(() => {
        throw new NetctlError(EXIT.usage, sentence);
      });
  });
}

const NOTHING_TO_SET =
  "fairlead has no global settings: networks need no forwarding mode, VLAN or VXLAN ranges set before them";

/** Scripts set these before the first `net create`, which Contiv refused without; they must go on. */
export function globalCommand(stdio: Stdio): Command {
  const json = (): Flag => new Flag("json, j", undefined, "Output in JSON format");
  return group("global", "global settings: fairlead needs none, and accepts Contiv's", [
    netctlCommand("info", "say that nothing is set", [
      new Flag("tenant, t", "NAME", "Name of the tenant"),
      new Flag("all, a", undefined, "List all items"),
      json(),
    ]).action((_flags, command: Command) => {
      noArguments(command);
      say(stdio, command.opts<{ json?: true }>().json === true ? "[]" : undefined);
    }),
    netctlCommand("inspect", "say that nothing is set").action((_flags, command: Command) => {
      noArguments(command);
      say(stdio, "{}");
    }),
    netctlCommand("set", "accept Contiv's settings, which change nothing here", [
      new Flag("fabric-mode, f", "MODE", "Fabric mode (aci, aci-opflex or default)"),
      new Flag("vlan-range, v", "RANGE", "Allowed Vlan id range"),
      new Flag("vxlan-range, x", "RANGE", "Allowed Vxlan VNID range"),
      new Flag("fwd-mode, b", "MODE", "forwarding mode (bridge,routing)"),
      new Flag("arp-mode, a", "MODE", "arp mode (proxy,flood)"),
      new Flag("private-subnet, s", "CIDR", "Select a /16 private subnet for host access"),
    ]).action(() => say(stdio, undefined)),
  ]);
}

/** The sentence, or `json` for who reads JSON and the sentence for who looks on. */
function say({ stdout, stderr }: Stdio, json: string | undefined): void {
  if (json !== undefined) stdout.write(`${json}\n`);
  (json === undefined ? stdout : stderr).write(`${NOTHING_TO_SET}\n`);
}
