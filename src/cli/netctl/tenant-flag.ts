/** Which tenant a command is about. */
import type { Command } from "commander";

export const DEFAULT_TENANT = "default";

/** --tenant; none and an empty one are the default one, as in Contiv. */
export function tenantOf(command: Command): string {
  return command.opts<{ readonly tenant?: string }>().tenant || DEFAULT_TENANT;
}
