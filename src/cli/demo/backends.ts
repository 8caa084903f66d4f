/** The demo's Service and its backends, made through the API as any user would. */
import { fileURLToPath } from "node:url";
import { endpointSliceKind } from "../../api/endpointslice/kind.ts";
import { SERVICE_NAME_LABEL } from "../../api/endpointslice/type.ts";
import { podKind } from "../../api/pod/kind.ts";
import type { Pod } from "../../api/pod/type.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Client } from "../../client/client.ts";
import { UserError } from "../user-error.ts";

const NAMESPACE = "default";
const LABELS = { app: "web" };
const PROGRAM = fileURLToPath(new URL("./backend.ts", import.meta.url));
const DEADLINE_MS = 20_000;

export interface Backends {
  readonly virtualIP: string;
  /** Pod names by "ip:port". */
  readonly names: Readonly<Record<string, string>>;
}

function backendPod(name: string, port: number): Pod {
  return {
    metadata: { namespace: NAMESPACE, name, labels: LABELS },
    spec: {
      restartPolicy: "Never",
      containers: [
        {
          name: "web",
          // A Pod must name one; what runs is the command.
          image: "process",
          command: [process.execPath, PROGRAM],
          env: [{ name: "PORT", value: String(port) }],
          ports: [{ name: "http", containerPort: port }],
          readinessProbe: { tcpSocket: { port: "http" }, periodSeconds: 1 },
        },
      ],
    },
  };
}

/** Creates Service and pods, and waits until all pods are endpoints. */
export async function createBackends(client: Client, count: number, port: number): Promise<Backends> {
  const service = await client.create(serviceKind, {
    metadata: { namespace: NAMESPACE, name: "web" },
    spec: { selector: LABELS, ports: [{ name: "http", port, targetPort: "http" }] },
  });
  const pods = Array.from({ length: count }, (_, i) => backendPod(`web-${i + 1}`, port));
  await Promise.all(pods.map((pod) => client.create(podKind, pod)));
  const endpoints = await waitForEndpoints(client, count);
  return {
    virtualIP: service.spec!.clusterIP!,
    names: Object.fromEntries([...endpoints].map(([address, pod]) => [`${address}:${port}`, pod])),
  };
}

/** Waits until the Service has exactly `count` ready endpoints: pod names by address, sorted by pod. */
export async function waitForEndpoints(client: Client, count: number): Promise<ReadonlyMap<string, string>> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const labelSelector = `${SERVICE_NAME_LABEL}=web`;
  const query = { namespace: NAMESPACE, labelSelector };
  const list = await client.list(endpointSliceKind, query);
  const slices = new Map(list.items.map((slice) => [slice.metadata.name, slice]));
  const ready = (): Map<string, string> => {
    const endpoints = [...slices.values()].flatMap((slice) => slice.endpoints);
    const usable = endpoints.filter(({ conditions }) => conditions?.ready !== false);
    const named = usable.map(({ addresses, targetRef }) => [addresses[0]!, targetRef?.name ?? ""] as const);
    return new Map(named.sort((a, b) => a[1].localeCompare(b[1])));
  };
  if (ready().size === count) return ready();
  const resourceVersion = list.metadata.resourceVersion ?? "0";
  for await (const event of client.watch(endpointSliceKind, {
    ...query,
    resourceVersion,
    signal: deadline,
  })) {
    if (event.type === "BOOKMARK") continue;
    if (event.type === "DELETED") slices.delete(event.object.metadata.name);
    else slices.set(event.object.metadata.name, event.object);
    if (ready().size === count) return ready();
  }
  const pods = (await client.list(podKind, { namespace: NAMESPACE })).items;
  const states = pods.map(({ metadata, status }) => `${metadata.name}: ${JSON.stringify(status)}`);
  throw new UserError(
    `the Service did not get ${count} endpoints within ${DEADLINE_MS / 1000} s`,
    states.join("\n"),
  );
}

/** Kills the process of a pod, as a crash would. */
export async function killBackend(client: Client, name: string): Promise<void> {
  const pod = await client.get(podKind, { namespace: NAMESPACE, name });
  const id = pod.status?.containerStatuses?.[0]?.containerID ?? "";
  const pid = Number(/^process:\/\/(\d+)/.exec(id)?.[1]);
  if (!Number.isSafeInteger(pid)) throw new Error(`pod ${name} has no process: ${JSON.stringify(id)}`);
  process.kill(pid, "SIGKILL");
}
