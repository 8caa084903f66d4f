import assert from "node:assert/strict";
import { test } from "node:test";
import { ingressKind } from "../../api/ingress/kind.ts";
import type { Ingress } from "../../api/ingress/type.ts";
import { ingressClassKind } from "../../api/ingressclass/kind.ts";
import { createMemoryStore } from "../../store/memory/memory-store.ts";
import { ingressRules } from "./default-ingress-class.ts";
import { storeKey } from "./keys.ts";
import { ALICE, startRegistry } from "./registry-fixture.ts";
import { encodeObject } from "./stored-object.ts";

const INGRESS: Ingress = {
  metadata: { name: "web" },
  spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } },
};

function ingressClass(name: string, isDefault?: string): object {
  return {
    metadata: {
      name,
      ...(isDefault !== undefined && {
        annotations: { "ingressclass.kubernetes.io/is-default-class": isDefault },
      }),
    },
    spec: { controller: "example.com/controller" },
  };
}

test("a new Ingress gets the class that is marked as the default, if it names none", async (t) => {
  const { registry } = await startRegistry(t);
  const create = async (name: string, part: Partial<Ingress> = {}): Promise<string | undefined> => {
    const ingress = { ...INGRESS, ...part, metadata: { ...part.metadata, name } };
    const { spec } = await registry.create(ingressKind, "default", ingress, {}, ALICE);
    return spec?.ingressClassName;
  };
  for (const [name, mark] of [["plain"], ["marked-no", "false"]] as const)
    await registry.create(ingressClassKind, undefined, ingressClass(name, mark) as never, {}, ALICE);
  assert.equal(await create("without"), undefined);
  await registry.create(ingressClassKind, undefined, ingressClass("main", "true") as never, {}, ALICE);
  assert.equal(await create("with"), "main");
  assert.equal(await create("chosen", { spec: { ...INGRESS.spec, ingressClassName: "plain" } }), "plain");
  const annotations = { "kubernetes.io/ingress.class": "plain" };
  assert.equal(await create("annotated", { metadata: { annotations } }), undefined);
  // An update that takes the class away gets none back.
  const merge = { type: "merge", patch: { spec: { ingressClassName: null } } } as const;
  const key = { namespace: "default", name: "with" };
  const { object } = await registry.patch(ingressKind, key, merge, {}, ALICE);
  assert.equal(object.spec?.ingressClassName, undefined);
});

test("of several default classes the newest is taken, then the first by name", async (t) => {
  const store = createMemoryStore({ retention: { intervalMs: 0 } });
  t.after(async () => store[Symbol.asyncDispose]());
  const seconds: [string, number][] = [
    ["a", 1],
    ["d", 2],
    ["c", 2],
    ["b", 1],
  ];
  for (const [name, second] of seconds) {
    const value = {
      metadata: {
        name,
        creationTimestamp: `2026-01-02T03:04:0${second}Z`,
        annotations: { "ingressclass.kubernetes.io/is-default-class": "true" },
      },
    };
    const key = storeKey(ingressClassKind, { name });
    await store.commit([{ type: "put", key, value: encodeObject(ingressClassKind, value) }]);
  }
  const ingress = structuredClone(INGRESS);
  await ingressRules(store).completeNew!(ingress);
  assert.equal(ingress.spec?.ingressClassName, "c");
});
