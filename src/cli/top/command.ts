/** `fairlead top`: connections by Service and endpoint, live, as this node's kernel tracks them. */
import { setTimeout as delay } from "node:timers/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { createConnectionAccounting, SAFE_INTERVAL } from "../../dataplane/connections/accounting.ts";
import { type ConntrackTable, openConntrackTable } from "../../dataplane/connections/conntrack-table.ts";
import { NetlinkPort } from "../../dataplane/nftables/netlink-port.ts";
import { TABLE_NAME } from "../../dataplane/nftables/ruleset.ts";
import { Family } from "../../net/nftables/model.ts";
import { connect } from "../connect.ts";
import { UserError } from "../user-error.ts";
import { topReport, type TopReport, snapshot } from "./report.ts";
import { openScreen } from "./screen.ts";
import { type FollowedServices, followServices } from "./services.ts";
import { screenLines, type Sort, SORTS, topText, type TopView } from "./text.ts";

interface TopFlags {
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly netns?: string;
  readonly interval: number;
  readonly once?: true;
  readonly json?: true;
  readonly sort: Sort;
  readonly endpoints: boolean;
}

/** The kernel writes 100,000 connections in a third of a second: looks take at most this share of the time. */
const SHARE_OF_LOOKING = 0.2;

export function topCommand(): Command {
  return new Command("top")
    .description("watch connections by Service and endpoint, as this node's kernel tracks them")
    .argument("[service]", "only the Service of this name")
    .option(
      "--kubeconfig <FILE>",
      "how to reach the API (default: $KUBECONFIG, else where `fairlead up` writes it)",
    )
    .option("-n, --namespace <NAME>", "only Services of this namespace (default: all)")
    .option("--netns <NAME>", "look into this network namespace, not into the caller's")
    .option("--interval <SECONDS>", `between two looks, 0.2 to ${SAFE_INTERVAL}`, readInterval, 2)
    .addOption(new Option("--sort <COLUMN>", "what is on top").choices(SORTS).default("active"))
    .option("--no-endpoints", "Services only")
    .option("--once", "print one table and end; so does an output that is no terminal")
    .option("--json", "print one table as JSON and end")
    .addHelpText(
      "after",
      `
Run it as root on the node. ACTIVE are connections that carry data or could (UDP: flows that the kernel remembers), OPENING
those that the endpoint has not answered. NEW and CLOSED are found by comparing two looks. Bytes are shown if the kernel
counts them (sysctl net.netfilter.nf_conntrack_acct); fairlead does not switch that on.

Examples:
  fairlead top
  fairlead top web -n shop --once
  fairlead top --json --interval 5
`,
    )
    .action(top);
}

function readInterval(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.2 && seconds <= SAFE_INTERVAL))
    throw new InvalidArgumentError(
      `It is 0.2 to ${SAFE_INTERVAL} seconds: later looks miss what came and went.`,
    );
  return seconds;
}

async function top(name: string | undefined, flags: TopFlags): Promise<void> {
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  using table = await openConntrackTable(flags.netns);
  await requireOurTable(flags.netns);
  using client = await connect(flags.kubeconfig);
  try {
    const services = await followServices(client, stopped.signal);
    const wanted = (namespace: string, service: string): boolean =>
      (flags.namespace === undefined || namespace === flags.namespace) &&
      (name === undefined || service === name);
    const reports = lookAgainAndAgain(table, services, wanted, flags.interval, stopped.signal);
    if (flags.once || flags.json || !process.stdout.isTTY || !process.stdin.isTTY)
      await printOnce(reports, flags, name);
    else await showLive(reports, flags, stopped);
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
  } finally {
    stopped.abort();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, stop);
  }
}

/** Without it the kernel's connections are nobody's Services', and an empty table would say so wrongly. */
async function requireOurTable(netns: string | undefined): Promise<void> {
  using port = await NetlinkPort.open(netns);
  if (port.tables(Family.inet).some(({ name }) => name === TABLE_NAME)) return;
  throw new UserError(
    `there is no table inet ${TABLE_NAME} in ${netns === undefined ? "this network namespace" : `network namespace ${netns}`}`,
    "run this on a node where fairlead programs nftables (--netns names another namespace); with --dataplane userspace " +
      "the proxy holds the connections itself, and the kernel does not know which Service they are of",
  );
}

/** Reports without end; the first after two looks. */
async function* lookAgainAndAgain(
  table: ConntrackTable,
  services: FollowedServices,
  wanted: (namespace: string, service: string) => boolean,
  interval: number,
  signal: AbortSignal,
): AsyncGenerator<TopReport> {
  const accounting = createConnectionAccounting();
  let before: { readonly at: number; readonly counts: ReturnType<typeof snapshot> } | undefined;
  for (;;) {
    const ports = services.changedPorts();
    if (ports !== undefined) accounting.setPorts(ports);
    const started = performance.now();
    await table.look(accounting, signal);
    const at = performance.now();
    if (before !== undefined)
      yield topReport({
        ports: accounting.ports(),
        before: before.counts,
        seconds: (at - before.at) / 1000,
        conntrack: table.fill(),
        hasCounters: table.hasCounters(),
        slicesOf: (service) => services.slicesOf(service),
        wanted,
      });
    before = { at, counts: snapshot(accounting.ports()) };
    await delay(Math.max(interval * 1000, (at - started) / SHARE_OF_LOOKING), undefined, { signal });
  }
}

async function printOnce(
  reports: AsyncGenerator<TopReport>,
  flags: TopFlags,
  name: string | undefined,
): Promise<void> {
  for await (const report of reports) {
    if (name !== undefined && report.ports.length === 0)
      throw new UserError(`there is no Service named ${name} with a virtual address`);
    process.stdout.write(
      flags.json ? `${JSON.stringify(report, null, 2)}\n` : topText(report, viewOf(flags)),
    );
    return;
  }
}

function viewOf({ sort, endpoints }: TopFlags): TopView {
  return { sort, endpoints };
}

async function showLive(
  reports: AsyncGenerator<TopReport>,
  flags: TopFlags,
  stopped: AbortController,
): Promise<void> {
  let view = viewOf(flags);
  let scroll = 0;
  let report: TopReport | undefined;
  const draw = (): void => screen.draw(screenLines(report, view, scroll, screen));
  using screen = openScreen({
    input: process.stdin,
    output: process.stdout,
    onResize: () => draw(),
    onKey(key) {
      if (key === "q" || key === "ctrl-c") return stopped.abort();
      view = afterKey(view, key);
      scroll = Math.max(0, scroll + (SCROLL[key]?.(screen.rows) ?? 0));
      draw();
    },
  });
  draw();
  for await (const next of reports) {
    report = next;
    draw();
  }
}

const SORT_KEYS: Readonly<Record<string, Sort>> = {
  a: "active",
  n: "new",
  c: "closed",
  b: "bytes",
  s: "name",
};

/** Lines to move by, in a window of so many rows. */
const SCROLL: Readonly<Record<string, (rows: number) => number>> = {
  up: () => -1,
  down: () => 1,
  pageup: (rows) => 6 - rows,
  pagedown: (rows) => rows - 6,
};

function afterKey(view: TopView, key: string): TopView {
  if (key === "e") return { ...view, endpoints: !view.endpoints };
  return { ...view, sort: SORT_KEYS[key] ?? view.sort };
}
