/**
 * What the benchmarks of traffic share: paths of client, node and backend in namespaces of their own, a load generator,
 * rounds that go through all paths in turn, and medians.
 *
 *     client 192.0.2.2, 192.0.2.3  --  192.0.2.1 node 198.51.100.1  --  198.51.100.2, 198.51.100.3 backend
 *
 * No two paths share a client address and a backend: a five-tuple in TIME_WAIT at the backend from another path would
 * refuse connections, and whatever is measured second would look a tenth as fast. Client and backend have a core each
 * where there are two.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { cidr, ip } from "../src/base/ip.ts";
import { RouteSocket } from "../src/net/rtnetlink/route-socket.ts";
import { callInNetns } from "../src/sys/netns.ts";
import { connectInNetns } from "../src/sys/netns-socket.ts";
import { writeSysctl } from "../src/sys/sysctl.ts";
import { requireRoot } from "./lab-dataplane.ts";
import { createRoutedPath } from "./lab-path.ts";

/** Where virtual addresses are. */
export const SERVICE_RANGE = "10.96.0.0/16";
export const CLIENT_RANGE = "192.0.2.0/24";
export const BACKENDS = ["198.51.100.2", "198.51.100.3"] as const;
export const BACKEND_PORT = 8080;

const PROGRAMS = { wrk: "wrk", haproxy: "haproxy", taskset: "util-linux", nft: "nftables" } as const;

/** Ends the benchmark, saying which packages of Debian are wanted, where something is missing. */
export function requirePrograms(more: Readonly<Record<string, string>> = {}): void {
  requireRoot();
  const missing = Object.entries({ ...PROGRAMS, ...more }).filter(
    ([program]) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0,
  );
  if (missing.length === 0) return;
  const names = missing.map(([program]) => program).join(", ");
  const packages = missing.map(([, debianPackage]) => debianPackage).join(" ");
  console.log(`skipped: needs ${names}: apt-get install --no-install-recommends ${packages}`);
  process.exit(0);
}

export interface Path extends AsyncDisposable {
  /** Names of namespaces. */
  readonly client: string;
  readonly node: string;
}

export async function createPath(role: string): Promise<Path> {
  await using stack = new AsyncDisposableStack();
  const clientAddresses = ["192.0.2.2", "192.0.2.3"];
  const { client, node, backend } = stack.use(await createRoutedPath(role, clientAddresses, BACKENDS));
  using inClient = await RouteSocket.open({ netns: client });
  const gateway = ip("192.0.2.1");
  inClient.addRoute({ destination: cidr("198.51.100.0/24"), gateway, source: ip("192.0.2.2") });
  inClient.addRoute({ destination: cidr(SERVICE_RANGE), gateway, source: ip("192.0.2.3") });
  for (const netns of [client, backend]) {
    writeSysctl("net/ipv4/ip_local_port_range", "1024 65535", netns);
    writeSysctl("net/ipv4/tcp_max_tw_buckets", 1_000_000, netns);
  }
  stack.use(await startBackend(backend));
  const owned = stack.move();
  return { client, node, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** HAProxy on one thread, which answers by itself: faster than anything else in Debian that speaks HTTP. */
async function startBackend(netns: string): Promise<AsyncDisposable> {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-bench-"));
  const file = join(directory, "haproxy.cfg");
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout client 30s
  timeout http-request 10s
frontend answers
  bind :${BACKEND_PORT} backlog 4096
  http-request return status 200 content-type text/plain string ok
`,
  );
  const child = callInNetns(netns, () =>
    spawn("taskset", ["-c", cores.backend, "haproxy", "-q", "-db", "-f", file], {
      stdio: ["ignore", "ignore", "inherit"],
    }),
  );
  await untilAnswered(netns, child);
  return {
    async [Symbol.asyncDispose]() {
      const exit = once(child, "exit");
      if (child.exitCode === null) {
        child.kill("SIGKILL");
        await exit;
      }
      rmSync(directory, { recursive: true });
    },
  };
}

async function untilAnswered(netns: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; ; attempt++)
    try {
      (await connectInNetns(netns, ip(BACKENDS[0]), BACKEND_PORT, AbortSignal.timeout(1000))).destroy();
      return;
    } catch (error) {
      if (attempt > 100 || child.exitCode !== null) throw error;
      await delay(50);
    }
}

const cores = availableParallelism() > 1 ? { client: "0", backend: "1" } : { client: "0", backend: "0" };

export interface Load {
  /** Whole seconds: wrk takes no others. */
  readonly duration: number;
  /** A connection for each request, or 32 kept ones. */
  readonly isClosing: boolean;
}

/** Requests a second to `address`. Throws if any connection was refused or not answered. */
export function measure(path: Path, address: string, { duration, isClosing }: Load): number {
  const args = ["-t1", "-c32", `-d${duration}`, ...(isClosing ? ["-H", "Connection: close"] : [])];
  const command = ["-c", cores.client, "wrk", ...args, `http://${address}:${BACKEND_PORT}/`];
  const { stdout, stderr, status } = callInNetns(path.client, () =>
    spawnSync("taskset", command, { encoding: "utf8" }),
  );
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1];
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  const failed = Number(errors?.[1] ?? 0) + Number(errors?.[4] ?? 0);
  if (status !== 0 || rate === undefined || failed > 0)
    throw new Error(`${command.slice(2).join(" ")}:\n${stdout}${stderr}`);
  return Number(rate);
}

/** What is measured, by name, in this order in even rounds and the other way round in odd ones. */
export type Contenders<Name extends string> = Readonly<Record<Name, () => number>>;

/** The rates of each contender, one for each round. All are warmed by one measurement that does not count. */
export function interleave<Name extends string>(
  contenders: Contenders<Name>,
  rounds: number,
): Record<Name, number[]> {
  const names = Object.keys(contenders) as Name[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (const name of names) contenders[name]();
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 === 0 ? names : names.toReversed()) rates[name].push(contenders[name]());
  return rates;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** "0.958 (0.91-1.02), target at least 0.93": of the rates of the same rounds, the median of the ratios and their range. */
export function ratioText(of: readonly number[], to: readonly number[], target?: number): string {
  const ratios = of.map((rate, round) => rate / to[round]!);
  const range = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
  const text = `${median(ratios).toFixed(3)} (${range})`;
  if (target === undefined) return text;
  return `${text}, target at least ${target}${median(ratios) >= target ? "" : ": MISSED"}`;
}

/** "12034/s (11800-12500)". */
export function rateText(rates: readonly number[]): string {
  return `${median(rates).toFixed(0)}/s (${Math.min(...rates).toFixed(0)}-${Math.max(...rates).toFixed(0)})`;
}
