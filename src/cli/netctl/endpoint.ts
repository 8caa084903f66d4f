/** What `netctl endpoint` does. */
import type { Command } from "commander";
import { onlyArgument } from "./flag.ts";
import { netmasterOf } from "./netmaster.ts";
import { type Stdio, writeJson } from "./stdio.ts";

export async function inspectEndpoint(command: Command, stdio: Stdio): Promise<void> {
  const id = onlyArgument(command, "Endpoint name required");
  using netmaster = await netmasterOf(command, stdio);
  writeJson(stdio, await netmaster.inspect("endpoints", id));
}
