/** What `netctl network` does. */
import type { Command } from "commander";
import { parseIp } from "../../base/ip.ts";
import type { NetworkConfig } from "../../contiv/wire.ts";
import { UsageError } from "./failure.ts";
import { onlyArgument } from "./flag.ts";
import { netmasterOf } from "./netmaster.ts";
import { type Stdio, writeJson } from "./stdio.ts";
import { tenantOf } from "./tenant-flag.ts";

interface CreateFlags {
  readonly nwType: string;
  readonly encap: string;
  readonly pktTag: string;
  readonly subnet?: string;
  readonly gateway?: string;
  readonly subnetv6?: string;
  readonly gatewayv6?: string;
  readonly nwTag?: string;
}

/** Contiv's words wherever no argument or several are given. */
const NAME_REQUIRED = "Network name required";

export async function createNetwork(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  const flags = command.opts<CreateFlags>();
  const { subnet = "", gateway = "", subnetv6 = "", gatewayv6 = "", nwTag = "" } = flags;
  // Contiv requires it even where there is an IPv6 subnet; a network of IPv6 alone is one here.
  if (subnet === "" && subnetv6 === "") throw new UsageError("Subnet is required", command);
  if (gateway !== "" && parseIp(gateway) === undefined)
    throw new UsageError("Invalid gateway - Enter in A.B.C.D format", command);
  if (gatewayv6 !== "" && parseIp(gatewayv6) === undefined)
    throw new UsageError("Invalid IPv6 gateway ", command);
  if (!/^\d+$/.test(flags.pktTag))
    throw new UsageError(
      `Invalid packet tag ${JSON.stringify(flags.pktTag)} - Enter a number, 0 to 16777216`,
      command,
    );
  const tenantName = tenantOf(command);
  const body: NetworkConfig = {
    tenantName,
    networkName: name,
    nwType: flags.nwType,
    encap: flags.encap,
    pktTag: Number(flags.pktTag),
    subnet,
    gateway,
    ipv6Subnet: subnetv6,
    ipv6Gateway: gatewayv6,
    cfgdTag: nwTag,
  };
  using netmaster = await netmasterOf(command, stdio);
  await netmaster.post("networks", `${tenantName}:${name}`, body);
  stdio.stdout.write(`Creating network ${tenantName}:${name}\n`);
}

export async function inspectNetwork(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  using netmaster = await netmasterOf(command, stdio);
  writeJson(stdio, await netmaster.inspect("networks", `${tenantOf(command)}:${name}`));
}

export async function deleteNetwork(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  const tenant = tenantOf(command);
  using netmaster = await netmasterOf(command, stdio);
  stdio.stdout.write(`Deleting network ${tenant}:${name}\n`);
  await netmaster.delete("networks", `${tenant}:${name}`);
}
