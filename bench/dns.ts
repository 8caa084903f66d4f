/**
 * DNS questions for each second of one core's time: our server, in batches and a datagram at a time, against unbound and
 * Knot with the same names, asked by dnsperf over loopback UDP. Every server has one thread on the first core and dnsperf
 * is on the second; the rounds of all take turns.
 *
 * dnsperf on one core is no faster than these servers, so what counts is the processor time that a server's process took
 * for its answers (user and kernel, all threads); questions by the clock are printed beside it.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ip } from "../src/base/ip.ts";
import { freeUdpPort } from "../src/dataplane/userspace/loopback-peers.ts";
import { AnswerCache } from "../src/dns/answer-cache.ts";
import { Responder } from "../src/dns/responder.ts";
import { startDnsServer } from "../src/dns/server.ts";
import { service, testZone } from "../src/dns/zone-fixture.ts";
import { dnsDaemon, dnsperf, unboundConfig } from "../test/lab/dns.ts";

const SERVICES = 1000;
const ROUNDS = 5;
const SECONDS = 1;
const CORE = "0";
/** dnsperf's own core, and how much it keeps under way. */
const ASK = ["-l", String(SECONDS), "-c", "8", "-q", "200", "-T", "1", "-t", "1"];

const names = Array.from({ length: SERVICES }, (_, i) => ({
  name: `web-${i}.default.svc.cluster.local`,
  address: `10.96.${i >> 8}.${i & 255}`,
}));

/** The part of this program that is a server of ours, in a process of its own. */
async function serve(datagrams: "batch" | "single"): Promise<void> {
  const zone = testZone();
  for (const [i, { address }] of names.entries())
    zone.names.setService(service(`default/web-${i}`, [address]));
  const responder = new Responder(zone.names, { firstSerial: 1 }, new AnswerCache());
  const { port } = await startDnsServer(
    { address: ip("127.0.0.1"), port: 0, mayRecurse: () => true, datagrams },
    { responder },
  );
  console.log(port);
}

interface Server {
  readonly what: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

async function ours(datagrams: "batch" | "single", what: string): Promise<Server> {
  const child = spawn("taskset", ["-c", CORE, process.execPath, import.meta.filename, datagrams], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return {
    what,
    port: Number(line),
    pid: child.pid!,
    async stop() {
      child.kill();
      await once(child, "exit");
    },
  };
}

async function unbound(): Promise<Server> {
  const port = await freeUdpPort("127.0.0.1");
  const data = names.map(({ name, address }) => `local-data: "${name}. 5 IN A ${address}"`);
  const text = unboundConfig(port, ["num-threads: 1", 'local-zone: "cluster.local." static', ...data]);
  const args = ["-c", CORE, "unbound", "-d", "-c", "unbound.conf"];
  const daemon = await dnsDaemon(
    "taskset",
    args,
    { address: "127.0.0.1", port },
    { "unbound.conf": text },
    "cluster.local",
  );
  return { what: "unbound", port, pid: daemon.pid, stop: async () => daemon[Symbol.asyncDispose]() };
}

async function knot(): Promise<Server> {
  const port = await freeUdpPort("127.0.0.1");
  const zone = `$ORIGIN cluster.local.
@ 5 IN SOA ns root 1 7200 1800 86400 5
@ 5 IN NS ns
ns 5 IN A 127.0.0.1
${names.map(({ name, address }) => `${name}. 5 IN A ${address}`).join("\n")}
`;
  const directory = mkdtempSync(join(tmpdir(), "fairlead-knot-"));
  const text = `server:
  rundir: "${directory}"
  listen: 127.0.0.1@${port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "${directory}"
template:
  - id: default
    journal-content: none
    zonefile-load: whole
zone:
  - domain: cluster.local
    file: zone.txt
    storage: "."
`;
  const args = ["-c", CORE, "knotd", "-c", "knot.conf"];
  const daemon = await dnsDaemon(
    "taskset",
    args,
    { address: "127.0.0.1", port },
    { "knot.conf": text, "zone.txt": zone },
    "cluster.local",
  );
  return {
    what: "Knot",
    port,
    pid: daemon.pid,
    async stop() {
      await daemon[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Seconds of processor time that the process has taken (proc(5), fields utime and stime, in hundredths). */
function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

async function main(): Promise<void> {
  const servers = [
    await ours("batch", "fairlead, recvmmsg and sendmmsg"),
    await ours("single", "fairlead, node:dgram"),
    await unbound(),
    await knot(),
  ];
  // dnsperf is started from here and stays on our core.
  execFileSync("taskset", ["-pc", "1", String(process.pid)], { stdio: "ignore" });
  const lines = names.map(({ name }) => `${name} A`);
  const rates = servers.map((): number[] => []);
  const clock = servers.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++)
    for (const [i, { port, pid }] of servers.entries()) {
      const before = processorTime(pid);
      const { perSecond, completed } = await dnsperf({ address: "127.0.0.1", port }, lines, ASK);
      // The first round warms up.
      if (round === 0) continue;
      rates[i]!.push(completed / (processorTime(pid) - before));
      clock[i]!.push(perSecond);
    }
  for (const server of servers) await server.stop();
  const [, , ofUnbound, ofKnot] = rates.map(median) as [number, number, number, number];
  for (const [i, { what }] of servers.entries()) {
    const rate = median(rates[i]!);
    const range = `${thousands(Math.min(...rates[i]!))}-${thousands(Math.max(...rates[i]!))}`;
    console.log(
      `${what.padEnd(31)} ${thousands(rate)} questions for each second of a core (${range}), by the clock ${thousands(median(clock[i]!))}; ` +
        `against unbound ${(rate / ofUnbound).toFixed(2)}, Knot ${(rate / ofKnot).toFixed(2)}`,
    );
  }
}

function thousands(rate: number): string {
  return `${(rate / 1000).toFixed(1)}k`;
}

const [role] = process.argv.slice(2);
if (role === "batch" || role === "single") await serve(role);
else await main();
