/** Upstream: test/e2e/instrumentation/core_events.go and events.go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CoreV1Event, EventsV1Event } from "@kubernetes/client-node";
import { startCluster } from "./cluster.ts";
import { eventually } from "../lab/eventually.ts";
import type { Resource, Wire } from "./resource.ts";

const RETRY_TIMEOUT = 60_000;
/** 1505828956 seconds since the epoch, as a MicroTime. */
const SOME_TIME = "2017-09-19T13:49:16.000000Z";
const SET = { labelSelector: "testevent-set=true" };
const CONSTANT = { labelSelector: "testevent-constant=true" };

const cluster = await startCluster();
const { api } = cluster;

function coreEvent(namespace: string, name: string, label: string, message: string): object {
  return {
    metadata: { name, labels: { [label]: "true" } },
    message,
    reason: "Test",
    type: "Normal",
    count: 1,
    involvedObject: { namespace },
  };
}

function newEvent(namespace: string, name: string, label: string): object {
  return {
    metadata: { name, labels: { [label]: "true" } },
    regarding: { namespace },
    eventTime: SOME_TIME,
    note: `This is ${name}`,
    action: "Do",
    reason: "Test",
    type: "Normal",
    reportingController: "test-controller",
    reportingInstance: "test-node",
  };
}

/** Without what the server alone decides at each write. */
function comparable<T extends { metadata?: object | undefined }>(event: T): T {
  const metadata: Record<string, unknown> = { ...event.metadata };
  delete metadata["resourceVersion"];
  delete metadata["managedFields"];
  return { ...event, metadata };
}

async function has(events: Resource<CoreV1Event | EventsV1Event>, namespace: string): Promise<boolean> {
  const { items } = await events.list(CONSTANT);
  return items.some(({ metadata }) => metadata?.name === "event-test" && metadata.namespace === namespace);
}

test("[sig-instrumentation] Events should manage the lifecycle of an event [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "events");
  const events = api.core<CoreV1Event>("events", ns);
  const name = "event-test";
  await events.create(coreEvent(ns, name, "testevent-constant", "This is a test event"));
  assert.ok(await has(api.core("events"), ns), "unable to find the test event");

  const message = "This is a test event - patched";
  await events.patch(name, "strategic", { message });
  assert.equal((await events.get(name)).message, message);

  const changed = comparable(await events.get(name));
  changed.series = { count: 100, lastObservedTime: SOME_TIME };
  await events.update(changed);
  assert.deepEqual(comparable(await events.get(name)), changed);

  await events.delete(name);
  assert.ok(!(await has(api.core("events"), ns)), "should not have found the test event");
});

test("[sig-instrumentation] Events should delete a collection of events [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "events");
  const events = api.core<CoreV1Event>("events", ns);
  const names = ["test-event-1", "test-event-2", "test-event-3"];
  for (const name of names) await events.create(coreEvent(ns, name, "testevent-set", `This is ${name}`));
  assert.equal((await events.list(SET)).items.length, names.length);
  await events.deleteCollection(SET);
  await eventually("no event of the set is left", RETRY_TIMEOUT, async () =>
    (await events.list(SET)).items.length === 0 ? true : undefined,
  );
});

test("[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "events");
  const events = api.of<EventsV1Event>("events.k8s.io/v1", "events", ns);
  const everywhere = api.of<EventsV1Event>("events.k8s.io/v1", "events");
  const name = "event-test";
  await events.create(newEvent(ns, name, "testevent-constant"));
  assert.ok(await has(everywhere, ns), "failed to find the test event in the cluster's list");
  assert.ok(await has(events, ns), "failed to find the test event in the namespace's list");

  const bySource = await api
    .core<CoreV1Event>("events", ns)
    .list({ fieldSelector: "source=test-controller" });
  assert.deepEqual(
    bySource.items.map(({ metadata }) => metadata.name),
    [name],
  );
  const byController = await events.list({ fieldSelector: "reportingController=test-controller" });
  assert.deepEqual(
    byController.items.map(({ metadata }) => metadata!.name),
    [name],
  );

  const first = { count: 2, lastObservedTime: "2017-09-19T13:49:11.000000Z" };
  const original: Wire<EventsV1Event> = await events.get(name);
  await events.patch(name, "strategic", { series: first });
  const patched = comparable({ ...original, series: first });
  assert.deepEqual(comparable(await events.get(name)), patched);

  const series = { count: 100, lastObservedTime: SOME_TIME };
  await events.update({ ...patched, series });
  assert.deepEqual(comparable(await events.get(name)), { ...patched, series });

  await events.delete(name);
  assert.ok(!(await has(everywhere, ns)), "should not have found the test event after deletion");
  assert.ok(!(await has(events, ns)), "should not have found the test event after deletion");
});

test("[sig-instrumentation] Events API should delete a collection of events [Conformance]", async (t) => {
  const ns = await cluster.namespace(t, "events");
  const events = api.of<EventsV1Event>("events.k8s.io/v1", "events", ns);
  const names = ["test-event-1", "test-event-2", "test-event-3"];
  for (const name of names) await events.create(newEvent(ns, name, "testevent-set"));
  assert.equal((await events.list(SET)).items.length, names.length);
  await events.deleteCollection(SET);
  assert.equal((await events.list(SET)).items.length, 0);
});
