/** A DNS server of ours on loopback, and the programs of Debian's that ask it. */
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ip } from "../../src/base/ip.ts";
import { AnswerCache } from "../../src/dns/answer-cache.ts";
import { Forwarder } from "../../src/dns/forwarder.ts";
import { Responder } from "../../src/dns/responder.ts";
import type { ServerAddress } from "../../src/dns/resolv-conf.ts";
import { type DnsServer, startDnsServer } from "../../src/dns/server.ts";
import { createUpstream } from "../../src/dns/upstream.ts";
import { service, slice, testZone, type TestZone } from "../../src/dns/zone-fixture.ts";

const run = promisify(execFile);
const PATHS = ["/usr/bin", "/usr/sbin", ...(process.env["PATH"] ?? "").split(":")];

/** For `test(name, { skip: needsPrograms(...) }, ...)`: why it cannot run, or false. In CI everything is installed. */
export function needsPrograms(...programs: readonly string[]): string | false {
  const missing = programs.filter((program) => !PATHS.some((path) => existsSync(join(path, program))));
  if (missing.length === 0) return false;
  if (process.env["CI"] === "true") throw new Error(`CI must have ${missing.join(", ")}: see setup/run.mjs`);
  return `needs ${missing.join(", ")} (Debian: dnsutils, dnsperf, unbound)`;
}

export interface DnsLab extends AsyncDisposable {
  readonly zone: TestZone;
  readonly server: DnsServer;
  /** What dig prints for these words after the server, but for comments: a record a line. */
  readonly dig: (...words: string[]) => Promise<string[]>;
}

/** Services `default/web` with 10.96.0.20 and fd00:96::14, headless `default/db` of 100 endpoints, and a few more. */
export async function dnsLab(upstreams: readonly ServerAddress[] = []): Promise<DnsLab> {
  const zone = testZone();
  const { names } = zone;
  names.setService(service("kube-system/kube-dns", ["10.96.0.10"], ["dns 53/UDP", "dns-tcp 53/TCP"]));
  names.setService(service("default/web", ["10.96.0.20", "fd00:96::14"], ["http 80/TCP"]));
  names.setService(service("default/db", ["None"], ["sql 5432/TCP"]));
  const endpoints = Array.from({ length: 100 }, (_, i) => ({
    addresses: [`10.244.0.${i}`],
    hostname: `db-${i}`,
  }));
  names.setSlice(slice("default/db", "a", endpoints, ["sql 5432/TCP"]));
  names.setService(
    service("default/alias", [], [], { type: "ExternalName", externalName: "web.default.svc.cluster.local" }),
  );
  const cache = new AnswerCache();
  const forwarder = new Forwarder({ cache, upstream: createUpstream({ servers: async () => upstreams }) });
  const server = await startDnsServer(
    { address: ip("127.0.0.1"), port: 0, mayRecurse: () => true },
    { responder: new Responder(names, { firstSerial: 1 }, cache), forwarder },
  );
  return {
    zone,
    server,
    dig: async (...words) => dig({ address: "127.0.0.1", port: server.port }, ...words),
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

/** Lines of records, tabs as spaces. Throws with what dig said if nobody answers. */
export async function dig({ address, port }: ServerAddress, ...words: readonly string[]): Promise<string[]> {
  const args = [`@${address}`, "-p", String(port), "+tries=1", "+time=5", ...words];
  const { stdout } = await run("dig", args);
  return stdout
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith(";"))
    .map((line) => line.replace(/[\t ]+/g, " ").trim());
}

/** The header's status and flags as dig shows them: "NOERROR qr aa rd ra". */
export async function digStatus(
  { address, port }: ServerAddress,
  ...words: readonly string[]
): Promise<string> {
  const args = [`@${address}`, "-p", String(port), "+tries=1", "+time=5", ...words];
  const { stdout } = await run("dig", args);
  return `${/status: (\w+)/.exec(stdout)?.[1]} ${/flags: ([a-z ]+)/.exec(stdout)?.[1]}`;
}

/** A configuration of unbound that needs nothing of the machine's: `lines` go into its server clause, `clauses` behind it. */
export function unboundConfig(
  port: number,
  lines: readonly string[],
  clauses: readonly string[] = [],
): string {
  const plain = [
    'username: ""',
    'chroot: ""',
    'directory: "."',
    'pidfile: ""',
    "use-syslog: no",
    "do-daemonize: no",
  ];
  const server = [...plain, `interface: 127.0.0.1@${port}`, ...lines].map((line) => `  ${line}`);
  return ["server:", ...server, "remote-control:", "  control-enable: no", ...clauses, ""].join("\n");
}

/** dnsperf's own count of questions and answers for `seconds` of these "name type" lines. */
export async function dnsperf(
  { address, port }: ServerAddress,
  lines: readonly string[],
  words: readonly string[],
): Promise<{
  readonly sent: number;
  readonly completed: number;
  readonly perSecond: number;
  readonly text: string;
}> {
  const directory = mkdtempSync(join(tmpdir(), "fairlead-dnsperf-"));
  try {
    const file = join(directory, "questions");
    writeFileSync(file, `${lines.join("\n")}\n`);
    const { stdout } = await run("dnsperf", ["-s", address, "-p", String(port), "-d", file, ...words]);
    const number = (what: RegExp): number => Number(what.exec(stdout)?.[1]);
    return {
      sent: number(/Queries sent:\s+(\d+)/),
      completed: number(/Queries completed:\s+(\d+)/),
      perSecond: number(/Queries per second:\s+([\d.]+)/),
      text: stdout,
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export interface Daemon extends AsyncDisposable {
  readonly at: ServerAddress;
  readonly pid: number;
}

/** A program that answers DNS at `at` when it has started; `files` are put into a folder of its own, its working directory. */
export async function dnsDaemon(
  program: string,
  args: readonly string[],
  at: ServerAddress,
  files: Readonly<Record<string, string>>,
  probe: string,
): Promise<Daemon> {
  const directory = mkdtempSync(join(tmpdir(), `fairlead-${program}-`));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const child = spawn(program, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const daemon: Daemon = {
    at,
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      await run("dig", [`@${at.address}`, "-p", String(at.port), "+tries=1", "+time=1", probe]);
      return daemon;
    } catch (error) {
      if (performance.now() < deadline && child.exitCode === null) continue;
      await daemon[Symbol.asyncDispose]();
      throw new Error(`${program} does not answer: ${said}`, { cause: error });
    }
  }
}
