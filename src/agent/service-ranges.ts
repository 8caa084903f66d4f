/**
 * The ranges of virtual addresses, which may change while everything runs: the ServiceCIDRs of the cluster. The data
 * plane refuses what is not served in them, and the Node says which they are.
 */
import { ApiError } from "../api/api-error.ts";
import { nodeKind } from "../api/node/kind.ts";
import { serviceCIDRKind } from "../api/servicecidr/kind.ts";
import { type Cidr, cidrContains, formatCidr, parseCidr } from "../base/ip.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Client } from "../client/client.ts";
import { startInformer } from "../client/informer.ts";
import { SERVICE_RANGES_ANNOTATION } from "./node.ts";

export interface ServiceRangesOptions {
  readonly client: Client;
  /** Whose annotation follows. */
  readonly nodeName: string;
  /** The ranges known from the start: they count whatever the cluster says. */
  readonly initial: readonly string[];
  /** Called with all ranges, none within another, when they have changed. */
  readonly onChange: (ranges: readonly string[]) => void;
  readonly log?: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Follows the ServiceCIDRs until the signal aborts. A range that is going counts until it has gone. The promise resolves
 * when the signal has aborted and nothing is under way.
 */
export async function followServiceRanges(options: ServiceRangesOptions): Promise<void> {
  const { client, nodeName, initial, onChange, log = silentLog, signal } = options;
  let told = outermost(initial).join();
  let annotating: Promise<void> = Promise.resolve();
  const ranges = startInformer({ client, kind: serviceCIDRKind, signal, log });
  const look = (): void => {
    const all = outermost([
      ...initial,
      ...[...ranges.list().values()].flatMap(({ spec }) => spec?.cidrs ?? []),
    ]);
    if (!ranges.hasSynced || signal.aborted || all.join() === told) return;
    told = all.join();
    log.info({ ranges: all }, "the service ranges have changed");
    onChange(all);
    annotating = annotating.then(async () => annotate(client, nodeName, all, log));
  };
  ranges.addHandler({ onAdd: look, onUpdate: look, onDelete: look });
  // Rejected when the signal aborts before.
  await ranges.synced.then(look, () => undefined);
  await ranges.done;
  await annotating;
}

/** The ranges without those that lie within another, sorted: a set of intervals takes no overlaps. */
export function outermost(texts: readonly string[]): string[] {
  const ranges = [...new Set(texts)].flatMap((text): Cidr[] => {
    const range = parseCidr(text);
    return range === undefined ? [] : [range];
  });
  return ranges
    .filter(
      (range) => !ranges.some((other) => other.length < range.length && cidrContains(other, range.base)),
    )
    .map(formatCidr)
    .sort();
}

/** What the Node says is for people and other nodes: one that cannot be told is not worth stopping for. */
async function annotate(client: Client, name: string, ranges: readonly string[], log: Log): Promise<void> {
  const patch = { metadata: { annotations: { [SERVICE_RANGES_ANNOTATION]: ranges.join(",") } } };
  try {
    await client.patch(nodeKind, { name }, "merge", patch);
  } catch (err) {
    if (!(err instanceof ApiError)) throw err;
    log.warn({ err, name }, "the Node's annotation of service ranges could not be changed");
  }
}
