/** The same commands and packets for the real kernel and the fake one, and whether the same becomes of them. */
import type { Arrival, Fate, Outcome, Trace } from "../../src/dataplane/fake/packet-trace.ts";
import { formatTrace } from "../../src/dataplane/fake/packet-trace.ts";
import { FakeKernel } from "../../src/dataplane/fake/kernel.ts";
import type { Packet } from "../../src/dataplane/fake/packet.ts";
import { formatEndpoint } from "../../src/dataplane/fake/packet.ts";
import { desiredState } from "../../src/dataplane/nftables/desired-state.ts";
import { rebuild } from "../../src/dataplane/nftables/reconcile.ts";
import { table as ownTable } from "../../src/dataplane/nftables/ruleset.ts";
import { encodeBatch } from "../../src/net/nftables/encode.ts";
import type { Command } from "../../src/net/nftables/model.ts";
import { Family } from "../../src/net/nftables/model.ts";
import type { TableCase } from "./packet-cases.ts";
import { serviceTable } from "./packet-cases.ts";
import type { Observation, PacketLab } from "./packet-io.ts";
import { LAB_HOST } from "./packet-io.ts";

/** In both kernels the same became of a packet: one line of text. "nothing": no packet came of it. */
const NOTHING = "nothing";

/** What the fake kernel says, as far as somebody outside can see it. */
export function expectation(fate: Fate, packet: Packet): string {
  if (fate.kind === "delivered") {
    const { via, source, destination } = fate;
    return `${formatEndpoint(source)} -> ${formatEndpoint(destination)} ${via}`;
  }
  if (fate.kind === "rejected" && fate.with !== "nothing") return rejection(fate.with, packet);
  return NOTHING;
}

/** A rejection must name the addresses that the sender wrote. */
function rejection(how: string, { source, sourcePort, destination, destinationPort }: Packet): string {
  const from = formatEndpoint({ address: source, port: sourcePort });
  return `${how} of ${from} -> ${formatEndpoint({ address: destination, port: destinationPort })}`;
}

const RST = 4;
const FLAG_BITS = { FIN: 1, SYN: 2, RST: 4, ACK: 16 } as const;

/**
 * What became of `packet`, from all that was seen after it. Where it arrives on the host itself, nobody listens and
 * the host answers; so the packet itself counts first. More than one packet is a text that no kernel expects.
 */
export function outcomeSeen(seen: readonly Observation[], packet: Packet): string {
  const flags = (packet.tcpFlags ?? ["SYN"]).reduce((bits, flag) => bits | FLAG_BITS[flag], 0);
  const protocol = packet.protocol === "ICMP" ? "ICMP echo" : packet.protocol;
  const itself = seen.filter(
    (one) =>
      one.protocol === protocol && (protocol !== "TCP" || one.flags === flags) && !isReset(one, packet),
  );
  const texts = itself.map(
    (one) =>
      `${formatEndpoint({ address: one.source, port: one.sourcePort })} -> ` +
      `${formatEndpoint({ address: one.destination, port: one.destinationPort })} ${one.via}`,
  );
  if (texts.length > 0) return texts.join(" and ");
  const answers = seen.map((one) => answerText(one)).filter((text) => text !== undefined);
  return answers.length === 0 ? NOTHING : answers.join(" and ");
}

/** A reset of the packet, and not the packet, which may be a reset itself. */
function isReset(one: Observation, packet: Packet): boolean {
  return (
    (one.flags & RST) !== 0 &&
    one.source === packet.destination &&
    one.destination === packet.source &&
    one.sourcePort === packet.destinationPort &&
    one.destinationPort === packet.sourcePort
  );
}

function answerText(one: Observation): string | undefined {
  if (one.protocol === "TCP" && (one.flags & RST) !== 0)
    return rejection("tcp reset", {
      protocol: "TCP",
      source: one.destination,
      sourcePort: one.destinationPort,
      destination: one.source,
      destinationPort: one.sourcePort,
    });
  // "No route" and its like are the host's own way to say that it takes a packet no further.
  if (one.protocol === "ICMP other") return undefined;
  if (one.about === undefined) return `unexpected ${JSON.stringify(one)}`;
  const { about } = one;
  return rejection("icmp port-unreachable", {
    protocol: about.protocol === "TCP" ? "TCP" : "UDP",
    source: about.source,
    sourcePort: about.sourcePort,
    destination: about.destination,
    destinationPort: about.destinationPort,
  });
}

export interface Difference {
  readonly packet: Packet;
  readonly arrival: Arrival;
  readonly real: string;
  readonly trace: Trace;
}

export function formatDifference({ real, trace, packet }: Difference): string {
  const fake = trace.outcomes.map(({ fate }) => expectation(fate, packet));
  return [`real kernel: ${real}`, ...fake.map((text) => `fake kernel: ${text}`), formatTrace(trace)].join(
    "\n",
  );
}

/** A difference between the two, thrown by {@link TwinKernels}. */
export class KernelsDifferError extends Error {
  override readonly name = "KernelsDifferError";
}

export class TwinKernels {
  readonly lab: PacketLab;
  readonly fake: FakeKernel;
  #programmed = false;

  /** Both must be empty. */
  constructor(lab: PacketLab, fake: FakeKernel = new FakeKernel(LAB_HOST)) {
    this.lab = lab;
    this.fake = fake;
  }

  /** The rules and data for `table`, in both, in place of what is there. Connections stay. */
  program(table: TableCase): void {
    const desired = desiredState(serviceTable(table), table.masquerade, undefined);
    this.commit(rebuild(desired, { table: this.#programmed ? ownTable : undefined }).commands);
    this.#programmed = true;
  }

  commit(commands: readonly Command[]): void {
    this.lab.netfilter.transact(encodeBatch(commands));
    this.fake.commit(commands);
  }

  forgetConnections(): void {
    this.lab.flushConnections();
    this.fake.forgetConnections();
  }

  /** Sends the packet for real. The difference, or what became of it with the fake kernel's outcome. */
  send(
    packet: Packet,
    arrival: Arrival,
  ): { readonly outcome: Outcome; readonly trace: Trace } | { readonly difference: Difference } {
    const trace = this.fake.trace(packet, arrival);
    const real = outcomeSeen(this.lab.send(packet, arrival), packet);
    const outcome = trace.outcomes.find(({ fate }) => expectation(fate, packet) === real);
    return outcome === undefined ? { difference: { packet, arrival, real, trace } } : { outcome, trace };
  }

  /** As {@link send}, and both kernels remember it. Throws KernelsDifferError. */
  follow(packet: Packet, arrival: Arrival): Outcome {
    const result = this.send(packet, arrival);
    if ("difference" in result) throw new KernelsDifferError(formatDifference(result.difference));
    this.take(result);
    return result.outcome;
  }

  /** Lets happen in the fake what happened for real. */
  take({ trace, outcome }: { readonly outcome: Outcome; readonly trace: Trace }): void {
    this.fake.take(trace, outcome);
    // Which endpoint the rules had picked for a packet that the host itself then stopped, nobody has seen.
    if (outcome.fate.kind === "refused") this.#forgetClients();
  }

  /** Session affinity begins anew. */
  #forgetClients(): void {
    for (const set of this.fake.sets(Family.inet, ownTable.name)) {
      if (!set.name.startsWith("affinity")) continue;
      const elements = this.fake.elements(set).map(({ key }) => ({ key }));
      if (elements.length > 0) this.commit([{ op: "delete elements", set, elements }]);
    }
  }
}
