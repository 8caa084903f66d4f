import assert from "node:assert/strict";
import { test } from "node:test";
import { eventKind } from "../api/event/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import type { Service } from "../api/service/type.ts";
import { createMemoryApi } from "./memory-api.ts";
import { createEventRecorder } from "./recorder.ts";

const web: Service = { metadata: { namespace: "shop", name: "web", uid: "u", resourceVersion: "5" } };

function recording() {
  const api = createMemoryApi();
  let now = Date.parse("2026-01-01T00:00:00.500Z");
  const recorder = createEventRecorder({ client: api, component: "tester", host: "n1", clock: () => now });
  return {
    api,
    recorder,
    wait: (milliseconds: number) => (now += milliseconds),
    record: (message: string, reason = "Reason", object = web) =>
      recorder.record(serviceKind, object, "Warning", reason, message),
    events: async () => {
      await recorder.flushed();
      return api.all(eventKind);
    },
  };
}

test("an event says what happened to what, and who saw it", async () => {
  const { record, events } = recording();
  record("it broke");
  const [event, ...more] = await events();
  assert.equal(more.length, 0);
  const { metadata, ...rest } = event!;
  assert.match(`${metadata.namespace}/${metadata.name}`, /^shop\/web\.[0-9a-f]{16}$/);
  assert.deepEqual(rest, {
    apiVersion: "v1",
    kind: "Event",
    involvedObject: {
      apiVersion: "v1",
      kind: "Service",
      namespace: "shop",
      name: "web",
      uid: "u",
      resourceVersion: "5",
    },
    type: "Warning",
    reason: "Reason",
    message: "it broke",
    source: { component: "tester", host: "n1" },
    reportingComponent: "tester",
    reportingInstance: "n1",
    firstTimestamp: "2026-01-01T00:00:00Z",
    lastTimestamp: "2026-01-01T00:00:00Z",
    count: 1,
  });
});

test("what happens again is counted, on a new event once the old one is gone", async () => {
  const { api, record, events, wait } = recording();
  record("it broke");
  wait(1000);
  record("it broke");
  const [event] = await events();
  assert.deepEqual(
    [event?.count, event?.firstTimestamp, event?.lastTimestamp],
    [2, "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"],
  );
  api.remove(eventKind, { namespace: "shop", name: event!.metadata.name! });
  record("it broke");
  assert.deepEqual(
    (await events()).map(({ count }) => count),
    [1],
  );
});

test("many events that differ only in their text become one", async () => {
  const { record, events } = recording();
  for (let i = 1; i <= 14; i++) record(`pod ${i} broke`);
  const all = await events();
  assert.equal(all.length, 10);
  assert.equal(all.at(-1)?.message, "(combined from similar events): pod 14 broke");
  assert.equal(all.at(-1)?.count, 5);
});

test("an object that says too much is cut short, others are not", async () => {
  const { record, events, wait } = recording();
  const total = async (): Promise<number> => (await events()).reduce((sum, { count = 0 }) => sum + count, 0);
  for (let i = 0; i < 100; i++) record("again");
  assert.equal(await total(), 25);
  record("elsewhere", "Reason", { metadata: { ...web.metadata, name: "db", uid: "v" } });
  assert.equal(await total(), 26);
  wait(300_000);
  for (let i = 0; i < 10; i++) record("again");
  assert.equal(await total(), 27);
});

test("an event that cannot be written is dropped, and the next is written", async () => {
  const { api, record, events } = recording();
  api.fail(1);
  record("lost");
  record("kept", "Other");
  assert.deepEqual(
    (await events()).map(({ message }) => message),
    ["kept"],
  );
});
