/**
 * What it costs new connections that their ends are heard of, as they are while /svcstats counts: the same agent with and
 * without, in turn, and its processor time for each connection. Conntrack keeps ended connections for a second here, where
 * Linux does for two minutes, so that as many end in a round as begin. Needs root, wrk and HAProxy.
 *
 * "Past" are connections to the backend itself, of which nothing is to be told. ROUNDS (7), SECONDS_EACH (4, whole ones).
 */
import { setTimeout as delay } from "node:timers/promises";
import { writeSysctl } from "../src/sys/sysctl.ts";
import { startLabAgent } from "./lab-agent.ts";
import { measuredService, portsAround } from "./lab-services.ts";
import { SERVICE_RANGE, CLIENT_RANGE } from "./lab-traffic.ts";
import {
  BACKENDS,
  createPath,
  measure,
  median,
  rateText,
  ratioText,
  requirePrograms,
} from "./lab-traffic.ts";

requirePrograms();

const ROUNDS = Number(process.env["ROUNDS"] ?? 7);
const DURATION = Number(process.env["SECONDS_EACH"] ?? 4);
/** Services that are programmed. */
const SERVICES = 10;

await using path = await createPath("ends");
writeSysctl("net/netfilter/nf_conntrack_acct", 1, path.node);
await using agent = await startLabAgent(path.node, {
  ports: portsAround(SERVICES),
  ranges: [SERVICE_RANGE],
  podRanges: [CLIENT_RANGE],
  routedRanges: [CLIENT_RANGE],
});
for (const state of ["time_wait", "close", "last_ack", "fin_wait", "close_wait"])
  writeSysctl(`net/netfilter/nf_conntrack_tcp_timeout_${state}`, 1, path.node);

interface Round {
  readonly rate: number;
  /** Microseconds of the agent's processor for each connection. */
  readonly cost: number;
  /** Heard of, for each connection. */
  readonly ends: number;
}

async function round(isListening: boolean, address: string): Promise<Round> {
  await agent.listen(isListening);
  const before = await agent.use();
  const rate = measure(path, address, { duration: DURATION, isClosing: true });
  // What is left ends.
  await delay(1500);
  const after = await agent.use();
  const connections = rate * DURATION;
  return {
    rate,
    cost: ((after.seconds - before.seconds) / connections) * 1e6,
    ends: (after.ends - before.ends) / connections,
  };
}

for (const [what, address] of [
  ["through a virtual IP", measuredService.address],
  ["past all virtual IPs", BACKENDS[0]],
] as const) {
  const rounds: Record<"without" | "with", Round[]> = { without: [], with: [] };
  for (let at = -1; at < ROUNDS; at++) {
    const order = at % 2 === 0 ? (["without", "with"] as const) : (["with", "without"] as const);
    for (const name of order) {
      const one = await round(name === "with", address);
      if (at >= 0) rounds[name].push(one);
    }
  }
  const rates = (name: "without" | "with"): number[] => rounds[name].map(({ rate }) => rate);
  console.log(`new connections ${what}, ${ROUNDS} rounds of ${DURATION} s:`);
  console.log(`  ends heard of / not   ${ratioText(rates("with"), rates("without"))}`);
  for (const [name, all] of Object.entries(rounds)) {
    const cost = median(all.map((one) => one.cost));
    console.log(
      `  ${name.padEnd(8)} ${rateText(all.map(({ rate }) => rate))}, agent ${cost.toFixed(2)} µs of its processor each` +
        ` (at 20,000/s ${(cost * 2).toFixed(1)} % of one), ${median(all.map(({ ends }) => ends)).toFixed(2)} ends heard of each`,
    );
  }
}
