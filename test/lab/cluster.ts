/**
 * A whole cluster on this machine, in network namespaces of its own: an API server, nodes that each run `fairlead agent` and
 * pods as processes, and a client that is no node. Needs root.
 *
 * The test's own process moves into the namespace of the API server for good: its connections, and those of what it starts,
 * are made there.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { V1Namespace, V1Node } from "@kubernetes/client-node";
import { cidr } from "../../src/base/ip.ts";
import { FakePodApi } from "../../src/containers/process/fake-pod-api.ts";
import { createProcessRuntime } from "../../src/containers/process/runtime.ts";
import { CLONE_NEWNET, setns } from "../../src/sys/libc.ts";
import { callInNetns, netnsPath } from "../../src/sys/netns.ts";
import { connect, type HttpsClient, type Scope } from "../api-fixture.ts";
import { ApiClient } from "../conformance/resource.ts";
import { ClusterPods } from "./cluster-pods.ts";
import { type LabHost, type NodeHost, openClusterNetwork } from "./cluster-network.ts";
import { ControlPlane } from "./control-plane.ts";

const BIN = join(import.meta.dirname, "../../bin/fairlead");

export const SERVICE_CIDRS = ["10.96.0.0/16", "fd00:10:96::/112"] as const;
export const DNS_IP = "10.96.0.10";
export const POD_CIDRS = ["10.244.0.0/16", "fd00:10:244::/48"] as const;

export interface ClusterOptions {
  /** Zones of the nodes, by node; undefined: none. @default two nodes without zones */
  readonly zones?: readonly (string | undefined)[];
  /** Whether every agent serves the cluster's DNS to its pods, at {@link DNS_IP}. @default false */
  readonly dns?: boolean;
}

/** A node with its agent, which can be stopped, killed and started again. */
export class LabNode implements AsyncDisposable {
  readonly host: NodeHost;
  readonly #start: () => ChildProcess;
  #child: ChildProcess | undefined;
  #said = "";

  constructor(host: NodeHost, start: () => ChildProcess) {
    this.host = host;
    this.#start = start;
  }

  get name(): string {
    return this.host.name;
  }

  get netns(): string {
    return this.host.netns;
  }

  /** What the agent has printed and logged. */
  get said(): string {
    return this.#said;
  }

  /** Resolves when the agent says that it is ready. */
  async start(): Promise<void> {
    const child = this.#start();
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let fresh = "";
    const hear = (text: string): void => {
      this.#said += text;
      fresh += text;
      if (/^ready$/m.test(fresh)) resolve();
    };
    child.stdout!.setEncoding("utf8").on("data", hear);
    child.stderr!.setEncoding("utf8").on("data", hear);
    child.once("exit", () => reject(new Error(`the agent of ${this.name} ended:\n${this.#said}`)));
    child.once("error", reject);
    await promise;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

export interface LabCluster {
  readonly api: ApiClient;
  readonly https: Pick<HttpsClient, "call" | "open">;
  readonly controlPlane: ControlPlane;
  readonly nodes: readonly LabNode[];
  /** Outside of the cluster. */
  readonly client: LabHost;
  readonly control: LabHost;
  /** Makes the outside client send what is for an address to that node. */
  readonly routeClient: (destination: string, node: LabNode) => Promise<void>;
  /** A namespace of the test's own, deleted with its pods after the test. */
  readonly namespace: (t: Scope, base: string) => Promise<ClusterPods>;
  /** Stops the API server and starts it again at the same address. */
  readonly restartApi: () => Promise<void>;
}

/** One for each test file, stopped after its last test. Fails then if the server logged a fault of its own. */
export async function startCluster(options: ClusterOptions = {}): Promise<LabCluster> {
  const { zones = [undefined, undefined], dns = false } = options;
  const directory = mkdtempSync(join(tmpdir(), "fairlead-e2e-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const home = openSync("/proc/self/ns/net", "r");
  stack.defer(() => {
    setns(home, CLONE_NEWNET);
    closeSync(home);
  });
  const network = stack.use(await openClusterNetwork(zones.map((_, i) => `node${i + 1}`)));
  enter(network.control.netns);
  const controlPlane = stack.use(
    new ControlPlane({
      directory,
      host: network.control.address4,
      serviceCidrs: SERVICE_CIDRS.map((range) => cidr(range)),
    }),
  );
  await controlPlane.start();
  const { close, ...https } = connect(controlPlane.url, controlPlane.kubeconfigText);
  stack.defer(close);
  const api = new ApiClient(https);
  const nodes = network.nodes.map((host, i) => {
    stack.defer(() => endPods(host, directory));
    // Nobody answers there: what is not a name of the cluster is refused at once, and nothing leaves the lab.
    const dnsArgs = dns ? ["--dns-ip", DNS_IP, "--dns-upstream", network.control.address4] : [];
    const args = [...dnsArgs, ...(zones[i] === undefined ? [] : ["--zone", zones[i]])];
    return stack.use(new LabNode(host, () => spawnAgent(host, args, controlPlane.kubeconfig, directory)));
  });
  await Promise.all(nodes.map((node) => node.start()));
  const nodeObjects = api.core<V1Node>("nodes");
  for (const [i, zone] of zones.entries())
    if (zone !== undefined)
      await nodeObjects.patch(nodes[i]!.name, "strategic", {
        metadata: { labels: { "topology.kubernetes.io/zone": zone } },
      });

  const owned = stack.move();
  after(async () => {
    await owned.disposeAsync();
    if (controlPlane.faults.length > 0)
      throw new Error("the server logged its own faults", { cause: controlPlane.faults });
  });
  const namespaces = api.core<V1Namespace>("namespaces");
  return {
    api,
    https,
    controlPlane,
    nodes,
    client: network.client,
    control: network.control,
    routeClient: (destination, node) => network.routeClient(destination, node.host),
    async namespace(t, base) {
      const { metadata } = await namespaces.create({ metadata: { generateName: `${base}-` } });
      const pods = new ClusterPods(api, metadata!.name!, nodes);
      t.after(() => pods.deleteNamespace());
      return pods;
    },
    async restartApi() {
      await controlPlane.stop();
      await controlPlane.start();
    },
  };
}

/** Moves the main thread, and what it makes from now on, into a namespace. */
function enter(netns: string): void {
  const file = openSync(netnsPath(netns), "r");
  setns(file, CLONE_NEWNET);
  closeSync(file);
}

function spawnAgent(
  host: NodeHost,
  more: readonly string[],
  kubeconfig: string,
  directory: string,
): ChildProcess {
  const args = [
    ["--kubeconfig", kubeconfig],
    ["--node-name", host.name],
    ["--dataplane", "nftables"],
    ["--containers", "process"],
    ["--pod-cidr", host.podCidrs.join(",")],
    ["--cluster-cidr", POD_CIDRS.join(",")],
    ["--node-ip", `${host.address4},${host.address6}`],
    ["--data-dir", join(directory, host.name)],
    ["--log-level", "warn"],
    more,
  ].flat();
  // In the namespace, as on a machine of its own: nothing of the node is elsewhere.
  return callInNetns(host.netns, () =>
    spawn(process.execPath, [BIN, "agent", ...args], { stdio: ["ignore", "pipe", "pipe"] }),
  );
}

/** Ends every process and namespace of the node's pods, from the records that the agent left. */
async function endPods({ name, netns, podCidrs }: NodeHost, directory: string): Promise<void> {
  const stateDir = join(directory, name, "pods");
  const runtime = createProcessRuntime({ nodeName: name, stateDir, netns, podCidrs, isolation: "netns" });
  await runtime({ client: new FakePodApi() }).cleanup();
}
