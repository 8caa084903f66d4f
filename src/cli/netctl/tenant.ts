/** What `netctl tenant` does. */
import type { Command } from "commander";
import type { TenantConfig } from "../../contiv/wire.ts";
import { onlyArgument } from "./flag.ts";
import { createNetmaster } from "./netmaster.ts";
import { findServer, type ServerFlags } from "./server.ts";
import type { Stdio } from "./stdio.ts";

/** Contiv's words wherever no argument or several are given. */
const NAME_REQUIRED = "Tenant name required";

export async function createTenant(command: Command, stdio: Stdio): Promise<void> {
  const tenantName = onlyArgument(command, NAME_REQUIRED);
  using netmaster = createNetmaster(await findServer(command.optsWithGlobals<ServerFlags>(), stdio.env));
  await netmaster.post("tenants", tenantName, { tenantName } satisfies TenantConfig);
  stdio.stdout.write(`Creating tenant: ${tenantName}\n`);
}

export async function inspectTenant(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  using netmaster = createNetmaster(await findServer(command.optsWithGlobals<ServerFlags>(), stdio.env));
  stdio.stdout.write(`${JSON.stringify(await netmaster.inspect("tenants", name), null, 2)}\n`);
}

export async function deleteTenant(command: Command, stdio: Stdio): Promise<void> {
  const name = onlyArgument(command, NAME_REQUIRED);
  using netmaster = createNetmaster(await findServer(command.optsWithGlobals<ServerFlags>(), stdio.env));
  stdio.stdout.write(`Deleting tenant ${name}\n`);
  await netmaster.delete("tenants", name);
}
