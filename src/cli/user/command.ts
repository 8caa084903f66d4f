/** `fairlead user`: credentials for people, signed on the machine that holds the certificate authority. */
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { loadKubeconfig } from "../../client/kubeconfig.ts";
import { formatKubeconfig, writeKubeconfig } from "../../server/security/kubeconfig.ts";
import { issueClientCertificate } from "../../server/security/pki.ts";
import { defaultDataDir } from "../up/options.ts";

interface CreateFlags {
  readonly group: readonly string[];
  readonly kubeconfig?: string;
  readonly dataDir?: string;
  readonly server?: string;
  readonly days: number;
}

export function userCommand(): Command {
  return new Command("user").description("make credentials for people").addCommand(createCommand());
}

function createCommand(): Command {
  return new Command("create")
    .description("make a client certificate for a user, and a kubeconfig with it")
    .argument("<name>", "the user's name, as RBAC's bindings have it")
    .option("--group <GROUP>", "a group that the user is in; may be given several times", collect, [])
    .option("--kubeconfig <FILE>", "where to write it (default: standard output)")
    .option("--data-dir <DIR>", `the data directory of \`fairlead up\` (default: ${defaultDataDir()})`)
    .option(
      "--server <URL>",
      "the API's address for this user (default: as in the data directory's kubeconfig)",
    )
    .option("--days <N>", "how long the certificate is good", positive, 365)
    .addHelpText(
      "after",
      `
A certificate cannot be taken back before its days are over: what its user may do is up to RBAC, where nobody may
do anything until a binding says so.

Examples:
  fairlead user create alice --group dev --kubeconfig alice.kubeconfig
  kubectl create rolebinding dev --clusterrole=edit --group=dev
`,
    )
    .action(create);
}

async function create(name: string, flags: CreateFlags): Promise<void> {
  const dataDir = flags.dataDir ?? defaultDataDir();
  const { authority, user } = await issueClientCertificate({
    dataDir,
    name,
    groups: flags.group,
    days: flags.days,
    now: Date.now(),
  });
  const text = formatKubeconfig(flags.server ?? (await ownServer(dataDir)), authority, user);
  if (flags.kubeconfig === undefined) process.stdout.write(text);
  else await writeKubeconfig(flags.kubeconfig, text);
}

/** Where the administrator's kubeconfig says that the API is. */
async function ownServer(dataDir: string): Promise<string> {
  return (await loadKubeconfig({ path: join(dataDir, "kubeconfig") })).server;
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text))
    throw new InvalidArgumentError("It must be a number of days from 1 to 99999.");
  return Number(text);
}
