/** What `netctl service` does, apart from lists. */
import type { Command } from "commander";
import type { Description, ServiceConfig } from "../../contiv/wire.ts";
import { descriptionText } from "./description-text.ts";
import { UsageError } from "./failure.ts";
import { onlyArgument } from "./flag.ts";
import { netmasterOf } from "./netmaster.ts";
import { type Stdio, writeJson } from "./stdio.ts";
import { tenantOf } from "./tenant-flag.ts";

interface ServiceFlags {
  readonly network?: string;
  readonly selector?: readonly string[];
  readonly port?: readonly string[];
  readonly preferredIp?: string;
  readonly balance?: string;
}

/** Contiv's words wherever no argument or several are given. */
const NAME_REQUIRED = "Service name required";

export async function createService(command: Command, stdio: Stdio): Promise<void> {
  const serviceName = onlyArgument(command, NAME_REQUIRED);
  const flags = command.opts<ServiceFlags>();
  const tenantName = tenantOf(command);
  const body: ServiceConfig = {
    tenantName,
    serviceName,
    networkName: flags.network ?? "",
    ipAddress: flags.preferredIp ?? "",
    selectors: flags.selector ?? [],
    ports: flags.port ?? [],
    ...(flags.balance !== undefined && { balance: flags.balance }),
  };
  using netmaster = await netmasterOf(command, stdio);
  await netmaster.post("serviceLBs", `${tenantName}:${serviceName}`, body);
  stdio.stdout.write(`Creating ServiceLB ${tenantName}:${serviceName}\n`);
}

/** Only what is given changes; lists are replaced whole. */
export async function updateService(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  const flags = command.opts<ServiceFlags>();
  const tenant = tenantOf(command);
  const changes: Partial<ServiceConfig> = {
    ...(flags.network !== undefined && { networkName: flags.network }),
    ...(flags.preferredIp !== undefined && { ipAddress: flags.preferredIp }),
    ...(flags.selector !== undefined && { selectors: flags.selector }),
    ...(flags.port !== undefined && { ports: flags.port }),
    ...(flags.balance !== undefined && { balance: flags.balance }),
  };
  if (Object.keys(changes).length === 0)
    throw new UsageError("Nothing to update: give what is to change", command);
  using netmaster = await netmasterOf(command, stdio);
  await netmaster.patch("serviceLBs", `${tenant}:${name}`, changes);
  stdio.stdout.write(`Updating ServiceLB ${tenant}:${name}\n`);
}

export async function inspectService(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, "Service group name required");
  using netmaster = await netmasterOf(command, stdio);
  writeJson(stdio, await netmaster.inspect("serviceLBs", `${tenantOf(command)}:${name}`));
}

export async function describeService(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  using netmaster = await netmasterOf(command, stdio);
  const found = await netmaster.describe<Description>("serviceLBs", `${tenantOf(command)}:${name}`);
  if (command.opts<{ readonly json?: true }>().json === true) writeJson(stdio, found);
  else stdio.stdout.write(descriptionText(found));
}

export async function deleteService(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  const tenant = tenantOf(command);
  using netmaster = await netmasterOf(command, stdio);
  // The comma and the two blanks are Contiv's.
  stdio.stdout.write(`Deleting Service  ${name},${tenant}\n`);
  await netmaster.delete("serviceLBs", `${tenant}:${name}`);
}
