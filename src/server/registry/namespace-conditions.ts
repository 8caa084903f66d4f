/** What a namespace that is going says of what keeps it (pkg/controller/namespace/deletion/status_condition_utils.go). */
import type { Time } from "../../api/meta/type.ts";
import type { NamespaceCondition } from "../../api/namespace/type.ts";

/** What one pass over the contents has found. */
export interface Remains {
  /** How many objects are left, by "<plural>.<group>". */
  readonly resources: ReadonlyMap<string, number>;
  /** How many objects each finalizer keeps. */
  readonly finalizers: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

type Verdict = Pick<NamespaceCondition, "status" | "reason" | "message">;

/** The conditions after a pass; the same array if nothing has changed. */
export function namespaceConditions(
  before: readonly NamespaceCondition[],
  remains: Remains,
  now: Time,
): readonly NamespaceCondition[] {
  const verdicts = Object.entries(judge(remains));
  const changed = verdicts.filter(([type, verdict]) => !isSaid(before, type, verdict));
  if (changed.length === 0) return before;
  const ours = new Set(verdicts.map(([type]) => type));
  return [
    ...before.filter(({ type }) => !ours.has(type)),
    ...verdicts.map(([type, verdict]) => {
      const old = before.find((one) => one.type === type);
      const since = old?.status === verdict.status ? (old.lastTransitionTime ?? now) : now;
      return { type, ...verdict, lastTransitionTime: since };
    }),
  ];
}

function isSaid(before: readonly NamespaceCondition[], type: string, verdict: Verdict): boolean {
  return before.some(
    (one) =>
      one.type === type &&
      one.status === verdict.status &&
      one.reason === verdict.reason &&
      one.message === verdict.message,
  );
}

function judge({ resources, finalizers, failures }: Remains): Record<string, Verdict> {
  const removed: Verdict = {
    status: "False",
    reason: "ContentRemoved",
    message: "All content successfully removed",
  };
  return {
    // Kinds are known here; upstream has to ask for them.
    NamespaceDeletionDiscoveryFailure: {
      status: "False",
      reason: "ResourcesDiscovered",
      message: "All resources successfully discovered",
    },
    NamespaceDeletionGroupVersionParsingFailure: {
      status: "False",
      reason: "ParsedGroupVersions",
      message: "All legacy kube types successfully parsed",
    },
    NamespaceDeletionContentFailure:
      failures.length === 0
        ? {
            status: "False",
            reason: "ContentDeleted",
            message: "All content successfully deleted, may be waiting on finalization",
          }
        : {
            status: "True",
            reason: "ContentDeletionFailed",
            message: `Failed to delete all resource types, ${failures.length} remaining: ${failures.toSorted().join(", ")}`,
          },
    NamespaceContentRemaining:
      resources.size === 0
        ? removed
        : {
            status: "True",
            reason: "SomeResourcesRemain",
            message: `Some resources are remaining: ${listed(resources, "has", "resource instances")}`,
          },
    NamespaceFinalizersRemaining:
      finalizers.size === 0
        ? removed
        : {
            status: "True",
            reason: "SomeFinalizersRemain",
            message: `Some finalizers are remaining: ${listed(finalizers, "in", "resource instances")}`,
          },
  };
}

function listed(counts: ReadonlyMap<string, number>, verb: string, noun: string): string {
  return [...counts]
    .map(([name, count]) => `${name} ${verb} ${count} ${noun}`)
    .sort()
    .join(", ");
}
