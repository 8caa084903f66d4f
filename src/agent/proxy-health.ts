/**
 * Whether this node can be sent connections: what /healthz and /livez say, as kube-proxy's do on port 10256
 * (pkg/proxy/healthcheck/proxy_health.go), so that cloud load balancers and kubelet probes need no change.
 *
 * Healthy means that what the API told is programmed, or became known less than a bound ago. An API server that is
 * away makes nobody unhealthy, because connections go on: how long nothing was heard of it is shown beside.
 */
import type { Node } from "../api/node/type.ts";
import type { HttpAnswer } from "./http-listener.ts";

/** The cluster autoscaler puts it on a node that it is about to delete. */
const TO_BE_DELETED_TAINT = "ToBeDeletedByClusterAutoscaler";

export interface ProxyHealthOptions {
  /** Changes that wait for longer, in milliseconds, mean that programming is stuck. @default {10_000} */
  readonly bound?: number;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number;
  /** Milliseconds since anything was heard from the API server; undefined: never, or it is in this process. */
  readonly silence?: () => number | undefined;
  /** Called with each answer's path and code, for metrics. */
  readonly onAnswer?: (path: "/healthz" | "/livez", code: number) => void;
}

export interface ProxyHealth {
  /** A change is known that is not yet programmed. */
  queued(): void;
  /** Everything known is programmed. */
  updated(): void;
  /** What the API says of this node; undefined: it is not there. */
  setNode(node: Node | undefined): void;
  /** Programming is not stuck, whatever becomes of the node. */
  readonly healthy: boolean;
  answer(path: string): HttpAnswer | undefined;
}

export function createProxyHealth(options: ProxyHealthOptions = {}): ProxyHealth {
  const { bound = 10_000, clock = Date.now, silence, onAnswer } = options;
  let queuedAt: number | undefined;
  let updatedAt: number | undefined;
  // As long as nothing is known to the contrary.
  let eligible = true;

  const isHealthy = (): boolean => queuedAt === undefined || clock() - queuedAt < bound;

  return {
    queued() {
      queuedAt ??= clock();
    },
    updated() {
      queuedAt = undefined;
      updatedAt = clock();
    },
    setNode(node) {
      eligible =
        node?.metadata.deletionTimestamp === undefined &&
        !(node?.spec?.taints ?? []).some(({ key }) => key === TO_BE_DELETED_TAINT);
    },
    get healthy() {
      return isHealthy();
    },
    answer(path) {
      if (path !== "/healthz" && path !== "/livez") return undefined;
      const now = clock();
      const healthy = isHealthy() && (path === "/livez" || eligible);
      const silent = silence?.();
      const status = healthy ? 200 : 503;
      onAnswer?.(path, status);
      const body = {
        // Of a healthy proxy this is now, as upstream: probes look at its age.
        lastUpdated: timestamp(healthy ? now : (updatedAt ?? 0)),
        currentTime: timestamp(now),
        ...(path === "/healthz" && { nodeEligible: eligible }),
        lastProgrammed: updatedAt === undefined ? null : timestamp(updatedAt),
        pendingMilliseconds: queuedAt === undefined ? 0 : now - queuedAt,
        ...(silent !== undefined && { apiSilentMilliseconds: Math.round(silent) }),
      };
      return { status, body: JSON.stringify(body) };
    },
  };
}

function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
