/** `fairlead up`: everything in one process, until a signal. */
import { Command, Option } from "commander";
import { pino } from "pino";
import { formatCidr } from "../../base/ip.ts";
import { startAllInOne } from "./all-in-one.ts";
import { type UpFlags, defaultDataDir, parseUpOptions } from "./options.ts";

export function upCommand(version: string): Command {
  return new Command("up")
    .description("start everything in one process: API, controllers, containers and data plane")
    .option("--data-dir <DIR>", `where objects and certificates are kept (default: ${defaultDataDir()})`)
    .option("--bind <HOST:PORT>", "where the API listens", "127.0.0.1:6443")
    .option(
      "--kubeconfig <FILE>",
      "where to write the kubeconfig for kubectl (default: in the data directory)",
    )
    .addOption(
      new Option(
        "--containers <WHICH>",
        "whose containers are Pods; auto: Docker if its engine answers, else processes",
      )
        .choices(["auto", "docker", "process", "none"])
        .default("auto"),
    )
    .addOption(
      new Option(
        "--dataplane <WHICH>",
        "how connections reach them; auto: nftables if possible, else a proxy",
      )
        .choices(["auto", "nftables", "userspace", "none"])
        .default("auto"),
    )
    .option(
      "--service-cidr <CIDR[,CIDR]>",
      "virtual addresses: one range, or one of each IP family (default: 10.96.0.0/16; 127.96.0.0/16 without root)",
    )
    .option(
      "--pod-cidr <CIDR[,CIDR]>",
      "addresses of pods that run as processes (default: 10.244.0.0/24; 127.244.0.0/24 without root)",
    )
    .option(
      "--dns-ip <ADDRESS>",
      "virtual address of the DNS, or none (default: the tenth address of the service range)",
    )
    .option("--cluster-domain <NAME>", "what the names of Services end in", "cluster.local")
    .option(
      "--dns-listen <ADDRESS[:PORT]>",
      "where the DNS listens (default: this machine's address on the pods' bridge)",
    )
    .option(
      "--dns-upstream <ADDRESS[:PORT],...>",
      "who is asked for other names (default: the nameservers of /etc/resolv.conf)",
    )
    .option("--dns-ttl <SECONDS>", "for how long an answer may be kept", "5")
    .option("--node-name <NAME>", "this machine's Node (default: its host name)")
    .option(
      "--node-ip <ADDRESS[,ADDRESS]>",
      "this node's addresses in its Node object (default: all that it has)",
    )
    .option("--zone <NAME>", "the zone this node is in: endpoints of the same zone may be preferred")
    .option(
      "--cluster-cidr <CIDR[,CIDR]>",
      "where pods of all nodes have their addresses: connections from there are from inside the cluster",
    )
    .option("--netns <NAME>", "program and run pods in this network namespace, not in the caller's")
    .option(
      "--token-auth-file <FILE>",
      'users with fixed tokens, a line each: token,user,uid,"group1,group2"; read again when it changes',
    )
    .option(
      "--audit-log <FILE>",
      "where each write leaves a line of JSON, or none (default: audit.log in the data directory; 5 files of 64 MiB at most)",
    )
    .option(
      "--netmaster <HOST:PORT>",
      "also serve Contiv's REST there, by plain HTTP and without asking who it is: whoever reaches it may do everything (127.0.0.1:9999 is Contiv's port; default: not served)",
    )
    .option(
      "--cleanup",
      "on a clean stop, take back everything put into the kernel and end the pods' processes",
    )
    .addOption(
      new Option("--log-level <LEVEL>", "how much is logged to stderr, as JSON lines")
        .choices(["debug", "info", "warn", "error", "silent"])
        .default("warn"),
    )
    .addHelpText(
      "after",
      `
Then, in another terminal:
  export KUBECONFIG=${defaultDataDir()}/kubeconfig
  kubectl get services
  netctl service ls                        the same as Contiv shows it: networks, tenants, services
  fairlead status

Stop it with Ctrl-C or SIGTERM. What was programmed stays in force, so that connections go on (--cleanup removes it);
the next start takes it over.

Examples:
  fairlead up --service-cidr 100.1.1.0/24
  fairlead up --containers docker          with DOCKER_HOST naming another engine, Podman's socket too
  fairlead up --data-dir ./state --bind 127.0.0.1:0 --dataplane userspace
`,
    )
    .action((flags: UpFlags) => up(flags, version));
}

async function up(flags: UpFlags, version: string): Promise<void> {
  const options = parseUpOptions(flags);
  const log = pino({ level: options.logLevel }, pino.destination({ dest: 2, sync: true }));
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());

  const say = (name: string, value: string): boolean =>
    process.stdout.write(`  ${name.padEnd(11)} ${value}\n`);
  const onMissingRight = (sentence: string): boolean => say("note", sentence);
  const started = await startAllInOne(options, { version, log, signal: stopped.signal, onMissingRight });
  process.stdout.write(`fairlead ${version}\n`);
  say("store", `${options.dataDir}, revision ${started.storeRevision}`);
  say("API", started.server.url);
  if (started.netmaster !== undefined)
    say("netmaster", `${started.netmaster}, without authentication: whoever reaches it may do everything`);
  say("kubeconfig", options.kubeconfig);
  say("containers", started.containers);
  say(
    "data plane",
    `${started.dataPlaneDescription}, Services in ${started.serviceCidrs.map(formatCidr).join(", ")}`,
  );
  say("node", options.nodeName);
  try {
    await started.ready;
    say("DNS", await started.dns);
    process.stdout.write("ready\n");
    await started.finished;
  } catch (error) {
    // Stopped before it was ready: nothing has failed.
    if (!stopped.signal.aborted) throw error;
  } finally {
    await started.stop(options.cleanup);
  }
}
