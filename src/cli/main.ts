/** The command line. Every command is a file of its own; this one only says which there are and how they fail. */
import { Command } from "commander";
import { ownVersion } from "./own-version.ts";

const version = ownVersion();

/** In the order of the help. Each is loaded when it is asked for: a program that starts has more to do than to read all. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import("./up/command.ts")).upCommand(version),
  agent: async () => (await import("./agent/command.ts")).agentCommand(version),
  status: async () => (await import("./status/command.ts")).statusCommand(),
  top: async () => (await import("./top/command.ts")).topCommand(),
  trace: async () => (await import("./trace/command.ts")).traceCommand(),
  user: async () => (await import("./user/command.ts")).userCommand(),
  demo: async () => (await import("./demo/command.ts")).demoCommand(version),
};

/** With the command that is asked for, or all of them where none is. */
async function program(asked: string | undefined): Promise<Command> {
  const one = asked !== undefined && Object.hasOwn(COMMANDS, asked) ? COMMANDS[asked] : undefined;
  const commands = one === undefined ? Object.values(COMMANDS) : [one];
  const whole = new Command("fairlead")
    .description(
      "Kubernetes' Service for any container: a stable virtual IP and load-balanced ports for whatever " +
        "containers carry the labels you choose, kept true within milliseconds as they come and go.",
    )
    .version(version)
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      `
Start here:
  fairlead demo                 see it work, on this machine, in half a minute
  fairlead up                   start everything: API, controllers, data plane, containers
  kubectl create service clusterip web --tcp=80:8080      (then label containers app=web)
  netctl service create web --selector=app=web --port 80:8080:TCP      (the same in Contiv's words)
  fairlead status               each Service, its endpoints, and why a container is not one
  fairlead top                  connections by Service and endpoint, live
  fairlead trace 10.96.0.10:80  what happens to a connection, and why
`,
    );
  for (const command of await Promise.all(commands.map(async (load) => load()))) whole.addCommand(command);
  return whole;
}

/** Runs one command line; what goes wrong is one line on stderr and exit code 1. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const asked = await program(args[0]);
    await asked.parseAsync(args, { from: "user" });
  } catch (error) {
    process.stderr.write(`fairlead: ${explain(error)}\n`);
    process.exitCode = 1;
  }
}

/** A user's mistake is its sentence and what to do; a mistake of ours keeps its stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const remedy = "remedy" in error && typeof error.remedy === "string" ? error.remedy : undefined;
  if (remedy !== undefined) return `${error.message}: ${remedy}`;
  if (error.name === "ApiError" && error.cause !== undefined && / cannot be reached: /.test(error.message))
    return `${error.message}: is \`fairlead up\` running there? The kubeconfig says where (--kubeconfig, else $KUBECONFIG)`;
  // Names rather than classes: a message of these is written for users, whichever layer it comes from.
  if (/^(User|Api|DataPlane|Engine|Kubeconfig|Store\w*|Pki|Bind|TokenFile|AuditLog)Error$/.test(error.name))
    return error.message;
  return error.stack ?? error.message;
}
