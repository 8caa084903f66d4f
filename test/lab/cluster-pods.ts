/** Pods and Services of one namespace of a test cluster, as upstream's e2e framework and its service test jig make them. */
import type { V1Pod, V1Service } from "@kubernetes/client-node";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually } from "./eventually.ts";
import { type ApiClient, isRefused, type Resource, type Wire } from "../conformance/resource.ts";
import type { LabNode } from "./cluster.ts";
import { httpGet } from "./requests.ts";

const NETEXEC = join(import.meta.dirname, "netexec.ts");
/** framework.PodStartTimeout is five minutes; here nothing is pulled. Milliseconds. */
const POD_START_TIMEOUT = 60_000;

const POD_IPS = [{ name: "POD_IPS", valueFrom: { fieldRef: { fieldPath: "status.podIPs" } } }];

export interface LabPod {
  readonly name: string;
  /** Primary address first. */
  readonly ips: readonly string[];
  readonly ip: string;
  readonly node: LabNode;
  /** The network namespace that requests of the pod are made in. */
  readonly netns: string;
  /** Of its first container, at the start. */
  readonly pid: number;
}

export interface PodWishes {
  readonly name: string;
  /** @default the nodes in turn */
  readonly node?: LabNode;
  readonly labels?: Readonly<Record<string, string>>;
  /** Merged into spec. */
  readonly spec?: object;
  /** Merged into the container. */
  readonly container?: object;
}

export interface NetexecWishes extends PodWishes {
  /** @default [8080] */
  readonly httpPorts?: readonly number[];
  /** @default [8081] */
  readonly udpPorts?: readonly number[];
  /** How many seconds it goes on after it was told to end. @default 0 */
  readonly delayShutdown?: number;
}

export class ClusterPods {
  readonly namespace: string;
  readonly api: ApiClient;
  readonly pods: Resource<V1Pod>;
  readonly services: Resource<V1Service>;
  readonly #nodes: readonly LabNode[];
  #created = 0;

  constructor(api: ApiClient, namespace: string, nodes: readonly LabNode[]) {
    this.namespace = namespace;
    this.api = api;
    this.pods = api.core<V1Pod>("pods", namespace);
    this.services = api.core<V1Service>("services", namespace);
    this.#nodes = nodes;
  }

  /** A pod that does nothing, to make requests from. */
  pause(wishes: PodWishes): Promise<LabPod> {
    return this.#run(wishes, ["/bin/sleep", "infinity"]);
  }

  /** A pod that serves; resolves when it answers. */
  async netexec(wishes: NetexecWishes): Promise<LabPod> {
    const { httpPorts = [8080] } = wishes;
    const pod = await this.#run(wishes, netexecCommand(wishes));
    if (httpPorts[0] !== undefined) {
      const target = { host: pod.ip, port: httpPorts[0] };
      await eventually(`${pod.name} serves`, POD_START_TIMEOUT, async () =>
        (await httpGet(pod.netns, target, "/healthz")).error === undefined ? true : undefined,
      );
    }
    return pod;
  }

  /** As {@link netexec}, without waiting: the object as it was created. */
  createNetexec(wishes: NetexecWishes): Promise<Wire<V1Pod>> {
    return this.pods.create(this.#pod(wishes, netexecCommand(wishes)));
  }

  /** `count` of them, on the nodes in turn, called `<name>-<n>`, as a replication controller of upstream's tests. */
  replicas(wishes: NetexecWishes, count: number): Promise<LabPod[]> {
    return Promise.all(
      Array.from({ length: count }, (_, i) => this.netexec({ ...wishes, name: `${wishes.name}-${i}` })),
    );
  }

  /** Deletes the pods and waits until they are gone. */
  async delete(...pods: readonly { readonly name: string }[]): Promise<void> {
    await Promise.all(pods.map(({ name }) => this.pods.delete(name)));
    await Promise.all(
      pods.map(({ name }) =>
        eventually(`${name} is gone`, POD_START_TIMEOUT, async () =>
          (await this.pods.find(name)) === undefined ? true : undefined,
        ),
      ),
    );
  }

  service(name: string, spec: object, metadata: object = {}): Promise<Wire<V1Service>> {
    return this.services.create({ metadata: { name, ...metadata }, spec });
  }

  /** Resolves when a pod runs and is Ready; `ready` false: when it runs. */
  async running(name: string, ready = true): Promise<LabPod> {
    const pod = await eventually(`pod ${name} runs`, POD_START_TIMEOUT, async () => {
      const now = await this.pods.get(name);
      const { phase, conditions = [], containerStatuses = [] } = now.status ?? {};
      const isReady = conditions.some(({ type, status }) => type === "Ready" && status === "True");
      const runs =
        phase === "Running" && containerStatuses.every(({ state }) => state?.running !== undefined);
      return runs && (isReady || !ready) ? now : undefined;
    });
    return this.#handle(pod);
  }

  /** Runs a command where the pod's container runs, as `kubectl exec`. Rejects if it fails. */
  async exec(pod: LabPod, ...command: readonly string[]): Promise<string> {
    const args = ["--target", String(pod.pid), "--mount", "--uts", "--net", "--", ...command];
    const { stdout } = await promisify(execFile)("nsenter", args);
    return stdout;
  }

  async deleteNamespace(): Promise<void> {
    const namespaces = this.api.core("namespaces");
    await namespaces.delete(this.namespace).catch((error: unknown) => {
      if (!isRefused(error, 404)) throw error;
    });
  }

  async #run(wishes: PodWishes, command: readonly string[]): Promise<LabPod> {
    await this.pods.create(this.#pod(wishes, command));
    return this.running(wishes.name);
  }

  #pod({ name, node, labels, spec, container }: PodWishes, command: readonly string[]): object {
    const { name: nodeName } = node ?? this.#nodes[this.#created++ % this.#nodes.length]!;
    return {
      metadata: { name, ...(labels !== undefined && { labels }) },
      spec: {
        nodeName,
        terminationGracePeriodSeconds: 5,
        containers: [{ name: "agnhost", image: "agnhost", command, env: POD_IPS, ...container }],
        ...spec,
      },
    };
  }

  #handle(pod: Wire<V1Pod>): LabPod {
    const { name, uid } = pod.metadata! as { name: string; uid: string };
    const node = this.#nodes.find((one) => one.name === pod.spec!.nodeName)!;
    const ips = pod.status!.podIPs!.map(({ ip }) => ip);
    const [, pid] = /^process:\/\/(\d+)-/.exec(pod.status!.containerStatuses![0]!.containerID!)!;
    const netns = pod.spec!.hostNetwork === true ? node.netns : `fairlead-${name}-${uid.slice(0, 8)}`;
    return { name, ips, ip: ips[0]!, node, netns, pid: Number(pid) };
  }
}

function netexecCommand({
  httpPorts = [8080],
  udpPorts = [8081],
  delayShutdown = 0,
}: NetexecWishes): string[] {
  const list = (ports: readonly number[]): string => (ports.length === 0 ? "-1" : ports.join(","));
  return [
    process.execPath,
    NETEXEC,
    `--http-port=${list(httpPorts)}`,
    `--udp-port=${list(udpPorts)}`,
    "--udp-listen-addresses=$(POD_IPS)",
    `--delay-shutdown=${delayShutdown}`,
  ];
}
