/** The iptables command, as Docker uses it: its rules are only to be changed in that way. */
import { execFile } from "node:child_process";
import type { IpFamily } from "../../base/ip.ts";
import { callInNetns } from "../../sys/netns.ts";

/** Docker takes whichever `iptables` is first on its path; where there are two kinds, the chain is in the one it took. */
const PROGRAMS: Readonly<Record<IpFamily, readonly string[]>> = {
  4: ["iptables", "iptables-nft", "iptables-legacy"],
  6: ["ip6tables", "ip6tables-nft", "ip6tables-legacy"],
};

export interface FoundChain {
  /** Where it was found. */
  readonly program: string;
  /** As `iptables -S` prints it. */
  readonly listing: string;
}

/** Undefined if none of the programs has it. Throws if iptables refuses. */
export async function findChain(
  family: IpFamily,
  table: string,
  chain: string,
  netns: string | undefined,
): Promise<FoundChain | undefined> {
  for (const program of PROGRAMS[family]) {
    const result = await run(program, ["-t", table, "-S", chain], netns);
    if (result.ok) return { program, listing: result.stdout };
    if (!result.missing && !/No chain|does not exist|incompatible/i.test(result.stderr))
      throw new Error(`${program} -t ${table} -S ${chain} failed: ${result.stderr.trim()}`);
  }
  return undefined;
}

/**
 * Makes changes of one table, each as `program` would take it, all of them or none. One process, however many there are.
 * Throws what it said if it fails.
 */
export async function changeRules(
  program: string,
  table: string,
  changes: readonly string[],
  netns: string | undefined,
): Promise<void> {
  const restore = `${program}-restore`;
  const input = [`*${table}`, ...changes, "COMMIT", ""].join("\n");
  const result = await run(restore, ["--noflush"], netns, input);
  if (!result.ok)
    throw new Error(`${restore} --noflush (${changes.length} changes) failed: ${result.stderr.trim()}`);
}

interface Result {
  readonly ok: boolean;
  /** There is no such program. */
  readonly missing: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** With -w: waits for whoever else is changing iptables, at most 5 seconds. */
function run(
  program: string,
  args: readonly string[],
  netns: string | undefined,
  input = "",
): Promise<Result> {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  const options = { env: { ...process.env, PATH: path }, timeout: 10_000 };
  return new Promise((resolve) => {
    // The child is started inside the call, and stays in the namespace.
    callInNetns(netns, () => {
      const child = execFile(program, ["-w", "5", ...args], options, (error, stdout, stderr) => {
        const missing = (error as NodeJS.ErrnoException | null)?.code === "ENOENT";
        resolve({ ok: error === null, missing, stdout, stderr: stderr || (error?.message ?? "") });
      });
      // One that ends before it has read all says why.
      child.stdin?.on("error", () => {}).end(input);
    });
  });
}
