import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangingCatalog, derivedFrom } from "./kind-catalog.ts";
import { nodeKind } from "./node/kind.ts";
import { serviceKind } from "./service/kind.ts";

test("what is derived from the kinds is made once for each change", () => {
  const catalog = new ChangingCatalog([serviceKind]);
  let made = 0;
  const names = derivedFrom(catalog, (kinds) => {
    made++;
    return kinds.map(({ plural }) => plural);
  });
  assert.equal(made, 0);
  assert.deepEqual(names(), ["services"]);
  assert.equal(names(), names());
  catalog.replace([serviceKind, nodeKind]);
  assert.equal(made, 1);
  assert.deepEqual(names(), ["services", "nodes"]);
  assert.equal(made, 2);
});

test("subscribers hear of every change until they are disposed of", () => {
  const catalog = new ChangingCatalog([]);
  const heard: number[] = [];
  const listener = (): void => void heard.push(catalog.kinds.length);
  const first = catalog.subscribe(listener);
  catalog.subscribe(listener);
  catalog.replace([serviceKind]);
  assert.deepEqual(heard, [1, 1]);
  first[Symbol.dispose]();
  catalog.replace([]);
  assert.deepEqual(heard, [1, 1, 0]);
});
