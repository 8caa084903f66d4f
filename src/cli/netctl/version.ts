/** `netctl version`: this program's and the server's. */
import type { Command } from "commander";
import { NetctlError } from "./failure.ts";
import { noArguments } from "./flag.ts";
import { netmasterOf } from "./netmaster.ts";
import { ownVersion } from "../own-version.ts";
import type { Stdio } from "./stdio.ts";

export async function showVersion(command: Command, stdio: Stdio): Promise<void> {
  noArguments(command);
  try {
    using netmaster = await netmasterOf(command, stdio);
    const server = await netmaster.version();
    // netmaster's fields, or those of a Kubernetes API server (version.Info), which has the same path.
    const field = (netmasterName: string, kubernetesName: string): string =>
      server[netmasterName] ?? server[kubernetesName] ?? "";
    stdio.stdout.write(
      `Client Version:\n${versionText(ownVersion())}\nServer Version:\n${versionText(
        field("Version", "gitVersion"),
        field("GitCommit", "gitCommit"),
        field("BuildTime", "buildDate"),
      )}`,
    );
  } catch (error) {
    if (error instanceof NetctlError) stdio.stdout.write("Unable to fetch version information\n");
    throw error;
  }
}

/** Contiv's lines (version/version.go). */
function versionText(version: string, commit: string = "", built: string = ""): string {
  return `Version: ${version}\nGitCommit: ${commit}\nBuildTime: ${built}\n`;
}
