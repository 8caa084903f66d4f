/** `fairlead agent`: this node's part of a cluster whose API server is elsewhere, in place of kube-proxy. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { pino } from "pino";
import { chooseDataPlane } from "../../agent/choose-data-plane.ts";
import { withdrawDnsEndpoints } from "../../agent/dns-service.ts";
import { findKubeProxyRules } from "../../agent/foreign-proxy.ts";
import { createAgentMetrics } from "../../agent/metrics.ts";
import { serveNode } from "../../agent/serve-node.ts";
import { startNode } from "../../agent/start-node.ts";
import { pause } from "../../base/backoff.ts";
import { formatIp } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import type { Client } from "../../client/client.ts";
import { createHttpClient } from "../../client/http.ts";
import { loadKubeconfig } from "../../client/kubeconfig.ts";
import { type AgentDns, startAgentDns } from "./dns.ts";
import { type AgentFlags, parseAgentOptions } from "./options.ts";

export function agentCommand(version: string): Command {
  return new Command("agent")
    .description("make Services work on this node of a Kubernetes cluster, in place of kube-proxy")
    .option(
      "--kubeconfig <FILE>",
      "how to reach the API (default: $KUBECONFIG, ~/.kube/config, or the service account of this pod)",
    )
    .option("--context <NAME>", "of the kubeconfig (default: its current-context)")
    .option("--node-name <NAME>", "this machine's Node (default: its host name)")
    .option("--netns <NAME>", "program and run pods in this network namespace, not in the caller's")
    .addOption(
      new Option(
        "--dataplane <WHICH>",
        "how connections reach pods; auto: nftables if possible, else a userspace proxy",
      )
        .choices(["auto", "nftables", "userspace"])
        .default("auto"),
    )
    .option(
      "--service-cidr <CIDR[,CIDR]>",
      "ranges of virtual addresses, beside the cluster's ServiceCIDRs: what is not served there is refused",
    )
    .option(
      "--cluster-cidr <CIDR[,CIDR]>",
      "where pods of all nodes have their addresses: connections from there are from inside the cluster",
    )
    .addOption(
      new Option(
        "--containers <WHICH>",
        "process: register this node and run the pods bound to it, as processes",
      )
        .choices(["none", "process"])
        .default("none"),
    )
    .option(
      "--pod-cidr <CIDR[,CIDR]>",
      "addresses of pods that run as processes: one range, or one of each IP family (default: 10.244.0.0/24)",
    )
    .option("--data-dir <DIR>", "where records of pods that run as processes are kept")
    .option("--bind-pods", "bind pods without a node to this one, where the cluster has no scheduler")
    .option(
      "--node-ip <ADDRESS[,ADDRESS]>",
      "this node's addresses in its Node object (default: all that it has)",
    )
    .option("--zone <NAME>", "the zone this node is in (default: its Node's topology.kubernetes.io/zone)")
    .option(
      "--dns-ip <ADDRESS>",
      "serve the cluster's DNS to the pods of this node, as the Service kube-dns with this address (default: none)",
    )
    .option("--cluster-domain <NAME>", "what the names of Services end in", "cluster.local")
    .option(
      "--dns-listen <ADDRESS[:PORT]>",
      "where the DNS listens (default: this node's address on the pods' bridge)",
    )
    .option(
      "--dns-upstream <ADDRESS[:PORT],...>",
      "who is asked for other names (default: the nameservers of /etc/resolv.conf)",
    )
    .option("--dns-ttl <SECONDS>", "for how long an answer may be kept", "5")
    .option(
      "--healthz-bind-address <HOST:PORT>",
      "where /healthz and /livez are served, or none",
      "127.0.0.1:10256",
    )
    .option(
      "--metrics-bind-address <HOST:PORT>",
      "where /metrics and /proxyMode are served, or none",
      "127.0.0.1:10249",
    )
    .option("--register-node", "write the Node object and keep its Lease, where no kubelet does that")
    .option("--cleanup", "on a clean stop, take back everything put into the kernel")
    .addOption(
      new Option("--log-level <LEVEL>", "how much is logged to stderr, as JSON lines")
        .choices(["debug", "info", "warn", "error", "silent"])
        .default("info"),
    )
    .addHelpText(
      "after",
      `
Stop it with Ctrl-C or SIGTERM. What was programmed stays in force, so that connections go on (--cleanup removes it);
the next start takes it over. The rights it needs, and how to take kube-proxy away first: docs/guides/agent.md.

Examples:
  fairlead agent --kubeconfig /etc/kubernetes/fairlead.conf --cluster-cidr 10.244.0.0/16
  fairlead agent --kubeconfig k --node-name b --containers process --pod-cidr 10.244.2.0/24 --netns b
`,
    )
    .action((flags: AgentFlags) => runAgent(flags, version));
}

/** How long connections through the proxy are served on at most when another agent has taken over. */
const LONGEST_DRAIN_MS = 3_600_000;
/** How long an API server may take for what is said to it at the end, milliseconds. */
const WITHDRAWAL_TIMEOUT = 2000;

async function runAgent(flags: AgentFlags, version: string): Promise<void> {
  const options = parseAgentOptions(flags);
  const log = pino({ level: options.logLevel }, pino.destination({ dest: 2, sync: true }));
  const stopped = new AbortController();
  const { signal } = stopped;
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stopped.abort());

  const config = await loadKubeconfig({
    ...(options.kubeconfig !== undefined && { path: options.kubeconfig }),
    ...(options.context !== undefined && { context: options.context }),
  });
  await using stack = new AsyncDisposableStack();
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const handover = join(options.dataDir, "userspace.sock");
  const chosen = await chooseDataPlane(options.dataPlane, options.netns, log, handover);
  // Another agent of this data directory has the listening sockets: this one only finishes what it has begun.
  void chosen.userspace?.handedOver.then(() => stopped.abort());
  stack.use(chosen.claim);
  const dataPlane = stack.use(chosen.dataPlane!);
  if (chosen.nftables !== undefined) {
    const found = await findKubeProxyRules(options.netns);
    if (found.length > 0)
      log.warn(
        { found },
        "kube-proxy's rules are on this node and may translate connections first: stop it and run kube-proxy --cleanup",
      );
  }
  const client = stack.use(createHttpClient({ ...config, userAgent: `fairlead-agent/${version}` }));
  const metrics = createAgentMetrics(log);
  const clusterIP = typeof options.dns.ip === "object" ? formatIp(options.dns.ip) : undefined;
  const node = await startNode(
    {
      ...options,
      stateDir: join(options.dataDir, "pods"),
      clusterDomain: options.dns.domain,
      clusterDns: clusterIP === undefined ? undefined : [clusterIP],
    },
    { client, chosen, version, log, signal, metrics, watchList: true },
  ).catch((error: unknown) => {
    // Stopped while it waited for an API server that is away: nothing has failed.
    if (!signal.aborted) throw error;
  });
  if (node === undefined) return;
  const served = serveNode({
    healthz: options.healthz,
    metrics: options.metrics,
    netns: options.netns,
    health: node.health,
    registry: metrics.registry,
    proxyMode: dataPlane.name,
    log,
    signal,
  });
  const say = (name: string, value: string): boolean =>
    process.stdout.write(`  ${name.padEnd(11)} ${value}\n`);
  process.stdout.write(`fairlead ${version} agent\n`);
  say("API", `${config.server}, ${config.source}`);
  say("containers", node.containers);
  say("data plane", chosen.description);
  say("node", options.nodeName);
  const stopRequested = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([node.ready, node.failed, stopRequested]);
  let dns: AgentDns | undefined;
  if (clusterIP !== undefined && !signal.aborted) {
    dns = await startAgentDns(options, {
      clusterIP,
      client,
      dataPlane,
      registry: metrics.registry,
      log,
      signal,
    });
    if (dns !== undefined) say("DNS", dns.description);
  }
  if (!signal.aborted) process.stdout.write("ready\n");
  await Promise.race([stopRequested, node.failed]);
  await dns?.done;
  if (options.cleanup && dns !== undefined) await withdrawDns(client, options.nodeName, log);
  await node.stop(options.cleanup);
  await served;
  if (chosen.userspace?.isHandedOver !== true) return;
  const drain = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => drain.abort());
  await chosen.userspace.drained(AbortSignal.any([drain.signal, AbortSignal.timeout(LONGEST_DRAIN_MS)]));
}

/** Not for long, and whether the API server is there or not: what is in the kernel goes all the same. */
async function withdrawDns(client: Client, nodeName: string, log: Log): Promise<void> {
  const done = new AbortController();
  const late = pause(WITHDRAWAL_TIMEOUT, done.signal).then(() => {
    if (!done.signal.aborted) throw new Error(`no answer within ${WITHDRAWAL_TIMEOUT} ms`);
  });
  try {
    await Promise.race([withdrawDnsEndpoints(client, nodeName), late]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log.warn(
      { why, node: nodeName },
      "the EndpointSlices of this node's DNS stay in the API until it starts again",
    );
  } finally {
    done.abort();
  }
}
