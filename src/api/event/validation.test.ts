import { test } from "node:test";
import { checkCreates, checkUpdates } from "../validation/complaints-table.ts";
import { eventKind } from "./kind.ts";

const MISPLACED = "does not match event.namespace";

test("an event is in the namespace of its object", () => {
  const good = {
    metadata: { name: "a.1", namespace: "shop" },
    involvedObject: { kind: "Pod", namespace: "shop", name: "a" },
  };
  checkCreates(eventKind, good, [
    [
      { involvedObject: { namespace: "other" } },
      `involvedObject.namespace: Invalid value: "other": ${MISPLACED}`,
    ],
    [{ involvedObject: { namespace: null } }, `involvedObject.namespace: Invalid value: "": ${MISPLACED}`],
    [{ metadata: { namespace: "default" }, involvedObject: { kind: "Node", namespace: null } }],
    // Names are anything that a path can hold.
    [{ metadata: { name: "A_b:c" } }],
    [{ metadata: { name: "a/b" } }, "metadata.name: Invalid value: \"a/b\": may not contain '/'"],
  ]);
  checkUpdates(eventKind, good, [
    [{ count: 7, message: "again", type: "Odd", source: { component: "x" } }],
    [
      { involvedObject: { namespace: "other" } },
      `involvedObject.namespace: Invalid value: "other": ${MISPLACED}`,
    ],
  ]);
});

test("an event with an eventTime is checked like those of the newer API", () => {
  const good = {
    metadata: { name: "a.1", namespace: "shop" },
    involvedObject: { kind: "Pod", namespace: "shop", name: "a" },
    eventTime: "2026-01-02T03:04:05.000001Z",
    reportingComponent: "example.com/maker",
    reportingInstance: "maker-1",
    action: "Making",
    reason: "Made",
  };
  checkCreates(eventKind, good, [
    [{ involvedObject: { namespace: "other" } }],
    [{ involvedObject: { namespace: null } }, `involvedObject.namespace: Invalid value: "": ${MISPLACED}`],
    [{ metadata: { namespace: "kube-system" }, involvedObject: { namespace: null } }],
    [
      { reportingComponent: null },
      "reportingComponent: Required value",
      'reportingComponent: Invalid value: "": name part must be non-empty',
      "reportingComponent: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
    [
      { reportingInstance: null, action: null, reason: null },
      "reportingInstance: Required value",
      "action: Required value",
      "reason: Required value",
    ],
    [
      {
        reportingInstance: "a".repeat(129),
        action: "ä".repeat(65),
        reason: "a".repeat(129),
        message: "a".repeat(1025),
      },
      'reportingInstance: Invalid value: "": can have at most 128 characters',
      'action: Invalid value: "": can have at most 128 characters',
      'reason: Invalid value: "": can have at most 128 characters',
      'message: Invalid value: "": can have at most 1024 characters',
    ],
    // v1 stays lenient about the rest.
    [{ count: 3, type: "Odd", series: { count: 1 } }],
  ]);
});
