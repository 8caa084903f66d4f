import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../api/pod/type.ts";
import { container, type ContainerParts } from "./container-fixture.ts";
import { metadataChange, mirroredContainer, mustReplace, statusChange } from "./pod-change.ts";
import { podOf } from "./pod-of.ts";

const context = {
  nodeName: "n1",
  nodeAddresses: [],
  container: () => undefined,
  namespaceOfNetwork: () => undefined,
};
const NOW = "2026-01-02T05:00:00Z";
const LATER = "2026-01-02T06:00:00Z";

function wanted(parts: ContainerParts = {}): Pod {
  return podOf(container(parts), context);
}

/** As a server has it after the status was written, with what a server fills in. */
function written(pod: Pod): Pod {
  const status = statusChange({ ...pod, status: {} }, pod, NOW)!;
  return { ...pod, status: { ...status, qosClass: "BestEffort" } };
}

test("a status is written once, and again only when something is new", () => {
  const pod = wanted();
  const current = written(pod);
  assert.equal(statusChange(current, pod, LATER), undefined);
  const paused = statusChange(current, wanted({ state: { Paused: true } }), LATER)!;
  const times = Object.fromEntries(
    paused.conditions!.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
  );
  assert.deepEqual(times, { PodScheduled: NOW, Initialized: NOW, ContainersReady: LATER, Ready: LATER });
  assert.equal(paused.qosClass, "BestEffort");
});

test("an address that is gone is taken out, and conditions of others stay", () => {
  const current = written(wanted());
  current.status!.conditions!.push({ type: "Somebody", status: "True" });
  const ended = statusChange(current, wanted({ state: { Running: false, Status: "exited" } }), LATER)!;
  assert.ok(!("podIP" in ended) && !("podIPs" in ended));
  assert.equal(ended.conditions?.at(-1)?.type, "Somebody");
});

test("what is said of other networks goes when there are none any more", () => {
  const networks = { bridge: { IPAddress: "172.17.0.2" }, more: { IPAddress: "10.1.1.4" } };
  const two = wanted({ networks });
  const types = (pod: Pod): string[] => pod.status?.conditions?.map(({ type }) => type) ?? [];
  const one = statusChange(written(two), wanted({ networks: { bridge: networks.bridge } }), LATER)!;
  assert.deepEqual(types({ ...two, status: one }), types(wanted()));
  assert.equal(types(written(two)).at(-1), "fairlead.dev/OtherNetworks");
});

test("marks are kept in order; labels and annotations of people are theirs", () => {
  const pod = wanted({ config: { Labels: { tier: "web" } } });
  assert.equal(metadataChange(pod, pod), undefined);
  const edited: Pod = {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { tier: "debug", "fairlead.dev/runtime": "docker" },
      annotations: { ...pod.metadata.annotations, note: "mine" },
    },
  };
  assert.equal(metadataChange(edited, pod), undefined);
  const unmarked: Pod = { ...edited, metadata: { ...edited.metadata, labels: { tier: "debug" } } };
  assert.deepEqual(metadataChange(unmarked, pod)?.labels, edited.metadata.labels);
  // Without an address there is no network to name.
  const ended = wanted({ state: { Running: false, Status: "exited" }, config: { Labels: { tier: "web" } } });
  const change = metadataChange(edited, ended);
  assert.equal(change?.annotations?.["fairlead.dev/network"], undefined);
  assert.equal(change?.annotations?.["note"], "mine");
});

test("a weight is the container's label when the Pod is made, and people's from then on", () => {
  const pod = wanted({ config: { Labels: { "fairlead.dev/weight": "4" } } });
  assert.equal(pod.metadata.annotations?.["fairlead.dev/weight"], "4");
  const weighing = (weight: string | undefined): Pod => {
    const { "fairlead.dev/weight": _, ...annotations } = pod.metadata.annotations!;
    return {
      ...pod,
      metadata: {
        ...pod.metadata,
        annotations: { ...annotations, ...(weight !== undefined && { "fairlead.dev/weight": weight }) },
      },
    };
  };
  for (const weight of ["0", "7", undefined]) assert.equal(metadataChange(weighing(weight), pod), undefined);
  // Nor is it lost when marks are put back.
  const { "fairlead.dev/container-name": _, ...annotations } = weighing("7").metadata.annotations!;
  const unmarked: Pod = { ...pod, metadata: { ...pod.metadata, annotations } };
  assert.deepEqual(metadataChange(unmarked, pod)?.annotations, weighing("7").metadata.annotations);
});

test("when another Pod has to take the place of the one that is there", () => {
  const running = wanted();
  const ended = wanted({ state: { Running: false, Status: "exited" } });
  const going: Pod = { ...running, metadata: { ...running.metadata, deletionTimestamp: NOW } };
  const table: [Pod, Pod, boolean, boolean][] = [
    [running, running, false, false],
    [running, ended, false, false],
    [ended, ended, false, false],
    [ended, running, false, true],
    [going, running, true, false],
    [going, running, false, true],
    [going, ended, false, true],
  ];
  for (const [current, want, stopping, replace] of table)
    assert.equal(mustReplace(current, want, stopping), replace);
});

test("only Pods with the mark are the mirror's", () => {
  const pod = wanted();
  assert.equal(mirroredContainer(pod), container().Id);
  assert.equal(mirroredContainer({ ...pod, metadata: { ...pod.metadata, labels: {} } }), undefined);
});
