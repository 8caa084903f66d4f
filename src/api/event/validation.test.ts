import { test } from "node:test";
import { checkCreates } from "../validation/complaints-table.ts";
import { eventKind } from "./kind.ts";

test("an event is in the namespace of its object", () => {
  const good = {
    metadata: { name: "a.1", namespace: "shop" },
    involvedObject: { kind: "Pod", namespace: "shop", name: "a" },
  };
  checkCreates(eventKind, good, [
    [
      { involvedObject: { namespace: "other" } },
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    ],
    [
      { involvedObject: { namespace: null } },
      'involvedObject.namespace: Invalid value: "": does not match event.namespace',
    ],
    [{ metadata: { namespace: "default" }, involvedObject: { kind: "Node", namespace: null } }],
  ]);
});
