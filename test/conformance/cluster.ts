/**
 * What Kubernetes' conformance tests call a cluster: everything that `fairlead up` starts, without containers and
 * without a data plane. Pods are objects; where upstream's kubelet would run one, `runPod` writes its status.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { V1Namespace, V1Pod } from "@kubernetes/client-node";
import { cidr } from "../../src/base/ip.ts";
import { startAllInOne } from "../../src/cli/up/all-in-one.ts";
import { connect, type HttpsClient, logOfFaults, type Scope } from "../api-fixture.ts";
import { eventually } from "../lab/eventually.ts";
import { ApiClient, type Resource, type Wire } from "./resource.ts";

/** The node that pods are put on. */
export const NODE = "node-1";
const POD_START_TIMEOUT = 30_000;

export interface Cluster extends Omit<HttpsClient, "close"> {
  readonly url: string;
  readonly directory: string;
  readonly kubeconfig: string;
  readonly api: ApiClient;
  /**
   * A namespace of the test's own, `<base>-` and a random end as upstream's framework names it, with what controllers
   * put into every namespace; deleted after the test.
   */
  readonly namespace: (t: Scope, base: string) => Promise<string>;
  /** Creates the pod and says in its status what a kubelet would: running, ready, with an address. */
  readonly runPod: (namespace: string, pod: object) => Promise<Wire<V1Pod>>;
  readonly setReady: (namespace: string, pod: string, ready: boolean) => Promise<void>;
}

/** One for each test file, stopped after its last test. Fails if the server logged a fault of its own. */
export async function startCluster(): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), "fairlead-conformance-"));
  const faults: unknown[] = [];
  const log = logOfFaults(faults);
  const end = new AbortController();
  const kubeconfig = join(directory, "kubeconfig");
  const running = await startAllInOne(
    {
      dataDir: directory,
      bind: { host: "127.0.0.1", port: 0 },
      kubeconfig,
      containers: "none",
      dataPlane: "none",
      serviceCidrs: [cidr("10.96.0.0/16")],
      podCidrs: [],
      clusterCidrs: [],
      nodeName: NODE,
      nodeAddresses: undefined,
      zone: undefined,
      netns: undefined,
      cleanup: false,
      logLevel: "error",
    },
    { version: "0.0.0-conformance", log, signal: end.signal },
  );
  const { close, ...https } = connect(running.server.url, running.server.kubeconfig());
  after(async () => {
    close();
    end.abort();
    await running.stop(false);
    await rm(directory, { recursive: true });
    if (faults.length > 0) throw new Error("the server logged its own faults", { cause: faults });
  });
  await running.ready;

  const api = new ApiClient(https);
  const pods = (namespace: string): Resource<V1Pod> => api.core<V1Pod>("pods", namespace);
  const namespaces = api.core<V1Namespace>("namespaces");
  let addresses = 0;
  const setReady: Cluster["setReady"] = async (namespace, name, ready) => {
    const status = ready ? "True" : "False";
    const conditions = [
      { type: "Ready", status },
      { type: "ContainersReady", status },
    ];
    await pods(namespace).patch(name, "strategic", { status: { conditions } }, { subresource: "status" });
  };
  return {
    ...https,
    url: running.server.url,
    directory,
    kubeconfig,
    api,
    async namespace(t, base) {
      const created = await namespaces.create({ metadata: { generateName: `${base}-` } });
      const name = created.metadata!.name!;
      t.after(async () => {
        if ((await namespaces.find(name)) !== undefined) await namespaces.delete(name);
      });
      await eventually("the namespace has what every namespace has", 2 * 60_000, async () =>
        (await hasDefaults(api, name)) ? true : undefined,
      );
      return name;
    },
    async runPod(namespace, pod) {
      const created = await pods(namespace).create(pod);
      const name = created.metadata!.name!;
      const address = `10.244.0.${++addresses}`;
      await pods(namespace).patch(
        name,
        "strategic",
        { status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] } },
        { subresource: "status" },
      );
      await setReady(namespace, name, true);
      return eventually(`pod ${name} has an address`, POD_START_TIMEOUT, async () => {
        const now = await pods(namespace).get(name);
        return now.status?.podIP === undefined ? undefined : now;
      });
    },
    setReady,
  };
}

/** Upstream waits for the default ServiceAccount and for the ConfigMap kube-root-ca.crt. */
async function hasDefaults(api: ApiClient, namespace: string): Promise<boolean> {
  return (
    (await api.core("serviceaccounts", namespace).find("default")) !== undefined &&
    (await api.core("configmaps", namespace).find("kube-root-ca.crt")) !== undefined
  );
}
