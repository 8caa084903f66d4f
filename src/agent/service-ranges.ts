/**
 * The ranges of virtual addresses, which may change while everything runs: the ServiceCIDRs of the cluster. The data
 * plane refuses what is not served in them, and the Node says which they are.
 */
import { ApiError } from "../api/api-error.ts";
import { nodeKind } from "../api/node/kind.ts";
import { serviceCIDRKind } from "../api/servicecidr/kind.ts";
import { type Cidr, cidr, cidrContains, cidrsOverlap, formatCidr, parseCidr } from "../base/ip.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { ServiceCIDR } from "../api/servicecidr/type.ts";
import type { Client } from "../client/client.ts";
import { startInformer } from "../client/informer.ts";
import { createEventRecorder } from "../client/recorder.ts";
import { SERVICE_RANGES_ANNOTATION } from "./node.ts";

export interface ServiceRangesOptions {
  readonly client: Client;
  /** Whose annotation follows. */
  readonly nodeName: string;
  /** The ranges known from the start: they count whatever the cluster says. */
  readonly initial: readonly string[];
  /**
   * Where this node's pods have their addresses: a range that overlaps one of these is left out, or the data plane would
   * refuse connections to pods as to addresses that nobody serves. @default {[]}
   */
  readonly podRanges?: readonly string[];
  /** Whether the Node's annotation is to follow: not where a kubelet writes the Node. */
  readonly annotate: boolean;
  /** Called with all ranges, none within another, when they have changed. */
  readonly onChange: (ranges: readonly string[]) => void;
  readonly log?: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export interface ServiceRanges {
  /** Resolves when the ranges are known, or the server has refused to say. Never after the signal. */
  readonly known: Promise<void>;
  /** Resolves when the signal has aborted and nothing is under way. */
  readonly done: Promise<void>;
}

/** Follows the ServiceCIDRs until the signal aborts. A range that is going counts until it has gone. */
export function followServiceRanges(options: ServiceRangesOptions): ServiceRanges {
  const { client, nodeName, initial, onChange, podRanges = [], log = silentLog, signal } = options;
  const events = createEventRecorder({ client, component: "fairlead-agent", host: nodeName, log });
  const pods = podRanges.map(cidr);
  /** The overlaps that have been told of, by the ServiceCIDR's uid. */
  const warned = new Set<string>();
  let told = outermost(initial).join();
  let annotating: Promise<void> = Promise.resolve();
  const known = Promise.withResolvers<void>();
  const ranges = startInformer({
    client,
    kind: serviceCIDRKind,
    signal,
    log,
    onFailure(error) {
      // Servers before Kubernetes 1.33 may not have the kind: then what was given counts, and is all.
      if (error instanceof ApiError && (error.code === 404 || error.code === 403)) known.resolve();
    },
  });
  const apartFromPods = (object: ServiceCIDR): string[] =>
    (object.spec?.cidrs ?? []).filter((text) => {
      const range = parseCidr(text);
      const pod = pods.find((one) => range !== undefined && cidrsOverlap(range, one));
      if (pod === undefined || initial.includes(text)) return true;
      const key = `${object.metadata.uid} ${text}`;
      if (warned.has(key)) return false;
      warned.add(key);
      const message = `${text} overlaps ${formatCidr(pod)}, where pods of node ${nodeName} have their addresses: what is not served in it is not refused there`;
      log.warn({ range: text, pods: formatCidr(pod) }, message);
      events.record(serviceCIDRKind, object, "Warning", "OverlapsPods", message);
      return false;
    });
  const look = (): void => {
    const all = outermost([...initial, ...[...ranges.list().values()].flatMap(apartFromPods)]);
    if (!ranges.hasSynced || signal.aborted || all.join() === told) return;
    told = all.join();
    log.info({ ranges: all }, "the service ranges have changed");
    onChange(all);
    if (options.annotate) annotating = annotating.then(async () => annotate(client, nodeName, all, log));
  };
  ranges.addHandler({ onAdd: look, onUpdate: look, onDelete: look });
  // Rejected when the signal aborts before.
  const synced = ranges.synced.then(look, () => undefined).then(known.resolve);
  return {
    known: known.promise,
    done: (async () => {
      await synced;
      await ranges.done;
      await annotating;
      await events.flushed();
    })(),
  };
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
