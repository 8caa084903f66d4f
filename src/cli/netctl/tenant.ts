/** What `netctl tenant` does. */
import type { Command } from "commander";
import type { TenantConfig } from "../../contiv/wire.ts";
import { onlyArgument } from "./flag.ts";
import { netmasterOf } from "./netmaster.ts";
import { type Stdio, writeJson } from "./stdio.ts";

/** Contiv's words wherever no argument or several are given. */
const NAME_REQUIRED = "Tenant name required";

export async function createTenant(command: Command, stdio: Stdio): Promise<void> {
  const tenantName = onlyArgument(command, NAME_REQUIRED);
  using netmaster = await netmasterOf(command, stdio);
  await netmaster.post("tenants", tenantName, { tenantName } satisfies TenantConfig);
  stdio.stdout.write(`Creating tenant: ${tenantName}\n`);
}

export async function inspectTenant(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  using netmaster = await netmasterOf(command, stdio);
  writeJson(stdio, await netmaster.inspect("tenants", name));
}

export async function deleteTenant(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  using netmaster = await netmasterOf(command, stdio);
  stdio.stdout.write(`Deleting tenant ${name}\n`);
  await netmaster.delete("tenants", name);
}
