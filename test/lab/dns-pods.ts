/** A client of a running `fairlead up`, and what tests of its DNS wait for. */
import { endpointSliceKind } from "../../src/api/endpointslice/kind.ts";
import { podKind } from "../../src/api/pod/kind.ts";
import type { Client } from "../../src/client/client.ts";
import { createHttpClient } from "../../src/client/http.ts";
import { loadKubeconfig } from "../../src/client/kubeconfig.ts";

export interface PodsApi extends Disposable {
  readonly client: Client;
  /** Runs a pod that sleeps; resolves when it has an address. */
  runPod(
    name: string,
    labels: Record<string, string>,
  ): Promise<{ readonly uid: string; readonly ip: string }>;
  untilEndpoints(service: string, count: number): Promise<void>;
  /** Asks again and again; throws after ten seconds. */
  until(holds: () => Promise<boolean>): Promise<void>;
}

const DEADLINE = 10_000;

export async function createPodsApi(kubeconfig: string): Promise<PodsApi> {
  const client = createHttpClient(await loadKubeconfig({ path: kubeconfig }));
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    const end = performance.now() + DEADLINE;
    while (!(await holds())) {
      if (performance.now() > end) throw new Error(`not so within ${DEADLINE / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return {
    client,
    until,
    async runPod(name, labels) {
      const container = { name: "sleep", image: "none", command: ["sleep", "1000"] };
      const metadata = { namespace: "default", name, labels };
      await client.create(podKind, { metadata, spec: { containers: [container] } });
      let pod = await client.get(podKind, { namespace: "default", name });
      await until(async () => {
        pod = await client.get(podKind, { namespace: "default", name });
        return pod.status?.phase === "Running" && pod.status.podIP !== undefined;
      });
      return { uid: pod.metadata.uid!, ip: pod.status!.podIP! };
    },
    async untilEndpoints(service, count) {
      const labelSelector = `kubernetes.io/service-name=${service}`;
      await until(async () => {
        const { items } = await client.list(endpointSliceKind, { namespace: "default", labelSelector });
        const ready = items
          .flatMap(({ endpoints }) => endpoints)
          .filter(({ conditions }) => conditions?.ready !== false);
        return ready.length === count;
      });
    },
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}
