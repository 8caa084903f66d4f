/** Upstream: test/e2e/apimachinery/generated_clientset.go, with a generated client: that of @kubernetes/client-node. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { CoreV1Api, KubeConfig, type V1Pod, Watch } from "@kubernetes/client-node";
import { NODE, startCluster } from "./cluster.ts";

const OBSERVE_TIMEOUT = 30_000;

const cluster = await startCluster();
const config = new KubeConfig();
config.loadFromFile(cluster.kubeconfig);

test("[sig-api-machinery] Generated clientset should create pods, set the deletionTimestamp and deletionGracePeriodSeconds of the pod", async (t) => {
  const namespace = await cluster.namespace(t, "clientset");
  const core = config.makeApiClient(CoreV1Api);
  const name = `pod${randomUUID()}`;
  const labelSelector = `time=${process.hrtime.bigint()}`;
  const before = await core.listNamespacedPod({ namespace, labelSelector });
  assert.equal(before.items.length, 0);

  const events: { type: string; pod: V1Pod }[] = [];
  let wake = Promise.withResolvers<void>();
  let leaving = false;
  const watch = await new Watch(config).watch(
    `/api/v1/namespaces/${namespace}/pods`,
    { labelSelector, resourceVersion: before.metadata!.resourceVersion! },
    (type, pod) => {
      events.push({ type, pod: pod as V1Pod });
      wake.resolve();
    },
    (error) => {
      if (!leaving) wake.reject(error instanceof Error ? error : new Error("the watch ended"));
    },
  );
  /** Upstream's observeCreation and observerUpdate. */
  const observe = async (wanted: (type: string, pod: V1Pod) => boolean): Promise<void> => {
    const late = setTimeout(
      () => wake.reject(new Error(`not observed in ${OBSERVE_TIMEOUT} ms`)),
      OBSERVE_TIMEOUT,
    );
    try {
      for (;;) {
        const event = events.shift();
        if (event === undefined) {
          await wake.promise;
          wake = Promise.withResolvers();
        } else if (wanted(event.type, event.pod)) return;
      }
    } finally {
      clearTimeout(late);
    }
  };

  try {
    const created = await core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name, labels: { name: "foo", time: labelSelector.slice("time=".length) } },
        spec: {
          containers: [
            {
              name: "nginx",
              image: "nginx",
              ports: [{ containerPort: 80 }],
              livenessProbe: { httpGet: { path: "/index.html", port: 8080 }, initialDelaySeconds: 30 },
            },
          ],
        },
      },
    });
    const { items } = await core.listNamespacedPod({
      namespace,
      labelSelector,
      resourceVersion: created.metadata!.resourceVersion!,
    });
    assert.equal(items.length, 1);
    await observe((type) => {
      assert.equal(type, "ADDED");
      return true;
    });

    // A pod that is on no node goes at once; upstream waits until it runs.
    await cluster.api.core("pods", namespace).create(
      { apiVersion: "v1", kind: "Binding", metadata: { name }, target: { kind: "Node", name: NODE } },
      {
        subresource: `${name}/binding`,
      },
    );
    await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 31 });
    await observe(
      (type, { metadata }) =>
        type === "MODIFIED" &&
        metadata!.deletionTimestamp !== undefined &&
        metadata!.deletionGracePeriodSeconds === 31,
    );
  } finally {
    leaving = true;
    watch.abort();
    await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
  }
});
