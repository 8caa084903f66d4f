/** What `netctl endpoint` does. */
import type { Command } from "commander";
import { onlyArgument } from "./flag.ts";
import { createNetmaster } from "./netmaster.ts";
import { findServer, type ServerFlags } from "./server.ts";
import type { Stdio } from "./stdio.ts";

export async function inspectEndpoint(command: Command, stdio: Stdio): Promise<void> {
  const id = onlyArgument(command, "Endpoint name required");
  using netmaster = createNetmaster(await findServer(command.optsWithGlobals<ServerFlags>(), stdio.env));
  stdio.stdout.write(`${JSON.stringify(await netmaster.inspect("endpoints", id), null, 2)}\n`);
}
