/** `fairlead demo`: the whole thing at work, in half a minute, on this machine. */
import { Command } from "commander";
import { runDemo } from "./run.ts";

export function demoCommand(version: string): Command {
  return new Command("demo")
    .description(
      "see it work: three backends behind one virtual IP, 1,000 requests, then a backend is killed",
    )
    .option("--json", "no show: the last line printed is one JSON object with the counts")
    .option("--exit", "stop and clean up when it has been shown, rather than leave it running")
    .addHelpText(
      "after",
      `
As root, node, client and backends are network namespaces that the demo makes and removes again, and the kernel is
programmed in there; without root they are addresses of 127/8 and a proxy. The host's own network is left alone.
`,
    )
    .action((flags: { json?: boolean; exit?: boolean }) =>
      runDemo({ json: flags.json ?? false, exit: flags.exit ?? false, version }),
    );
}
