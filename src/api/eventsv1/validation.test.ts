import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { eventKind } from "../event/kind.ts";
import { structure, StructureError } from "../schema/json/structure.ts";
import { anyObject } from "../schema/random-object.ts";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { fromCoreEvent, toCoreEvent } from "./conversion.ts";
import { eventV1Kind } from "./kind.ts";

const GOOD = {
  metadata: { name: "a.1", namespace: "shop" },
  eventTime: "2026-01-02T03:04:05.000001Z",
  reportingController: "example.com/maker",
  reportingInstance: "maker-1",
  action: "Making",
  reason: "Made",
  regarding: { kind: "Pod", namespace: "shop", name: "a" },
  type: "Normal",
};

const UNSET = 'Invalid value: "": needs to be unset';

test("events.k8s.io asks for all of what makes a new event, and refuses the fields of old ones", () => {
  checkCreates(eventV1Kind, GOOD, [
    [{}],
    [{ note: "yes", series: { count: 2, lastObservedTime: GOOD.eventTime }, related: { kind: "Node" } }],
    [{ eventTime: null }, "eventTime: Required value"],
    [{ type: "Odd" }, 'type: Invalid value: "": has invalid value: Odd'],
    [{ type: null }, 'type: Invalid value: "": has invalid value: '],
    [
      {
        deprecatedFirstTimestamp: "2026-01-02T03:04:05Z",
        deprecatedLastTimestamp: "2026-01-02T03:04:05Z",
        deprecatedCount: 1,
        deprecatedSource: { host: "n1" },
      },
      `firstTimestamp: ${UNSET}`,
      `lastTimestamp: ${UNSET}`,
      `count: ${UNSET}`,
      `source: ${UNSET}`,
    ],
    [
      { series: { count: 1 } },
      'series.count: Invalid value: "": should be at least 2',
      "series.lastObservedTime: Required value",
    ],
    [
      { reportingController: "a/b/c" },
      "reportingController: Invalid value: \"a/b/c\": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ],
    [{ note: "a".repeat(1025) }, 'message: Invalid value: "": can have at most 1024 characters'],
    [
      { regarding: { namespace: null } },
      'involvedObject.namespace: Invalid value: "": does not match event.namespace',
    ],
    [
      { metadata: { name: "A" } },
      "metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
  ]);
});

test("through events.k8s.io only the series of an event changes", () => {
  checkUpdates(eventV1Kind, GOOD, [
    [{ metadata: { labels: { a: "b" } } }],
    [{ series: { count: 2, lastObservedTime: GOOD.eventTime } }],
    [
      { series: { count: 1, lastObservedTime: GOOD.eventTime } },
      'series.count: Invalid value: "": should be at least 2',
    ],
    [
      { regarding: { name: "b" } },
      'involvedObject: Invalid value: {"kind":"Pod","namespace":"shop","name":"b"}: field is immutable',
    ],
    [{ reason: "Other" }, 'reason: Invalid value: "Other": field is immutable'],
    [{ note: "new" }, 'message: Invalid value: "new": field is immutable'],
    [{ deprecatedSource: { host: "a" } }, 'source: Invalid value: {"host":"a"}: field is immutable'],
    [{ deprecatedCount: 1 }, "count: Invalid value: 1: field is immutable"],
    [{ type: "Warning" }, 'type: Invalid value: "Warning": field is immutable'],
    [
      { eventTime: "2026-01-02T03:04:05.000002Z" },
      'eventTime: Invalid value: "2026-01-02T03:04:05.000002Z": field is immutable',
    ],
    [{ action: "Other" }, 'action: Invalid value: "Other": field is immutable'],
    [{ related: { kind: "Node" } }, 'related: Invalid value: {"kind":"Node"}: field is immutable'],
    [{ reportingController: "b" }, 'reportingController: Invalid value: "b": field is immutable'],
    [{ reportingInstance: "b" }, 'reportingInstance: Invalid value: "b": field is immutable'],
  ]);
  const old = { ...GOOD, series: { count: 1 } };
  // A series that v1 let in may stay as it is.
  checkUpdates(eventV1Kind, old, [[{ metadata: { labels: { a: "b" } } }]]);
});

test("every event is the same after it went through the other form", () => {
  const canonical = (kind: typeof eventKind | typeof eventV1Kind, value: unknown): unknown => {
    const { object } = structure<object>(kind.schema, value);
    const { apiVersion: _version, kind: _kind, ...rest } = object as Record<string, unknown>;
    return rest;
  };
  fc.assert(
    fc.property(anyObject(eventKind.schema), (value) => {
      let event;
      try {
        event = structure(eventKind.schema, value).object;
      } catch (error) {
        if (error instanceof StructureError) return;
        throw error;
      }
      const there = structure(eventV1Kind.schema, fromCoreEvent(event)).object;
      assert.deepEqual(canonical(eventKind, toCoreEvent(there)), canonical(eventKind, event));
    }),
  );
});
