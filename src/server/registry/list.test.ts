import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../api/api-error.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { RegistryListQuery } from "../registry.ts";
import { ALICE, type Fixture, refusal, service, startRegistry } from "./registry-fixture.ts";

async function withServices(fixture: Fixture, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const name = `s${String(i).padStart(2, "0")}`;
    const object = service(name);
    object.metadata.labels = { parity: i % 2 === 0 ? "even" : "odd" };
    await fixture.registry.create(serviceKind, i < 8 ? "default" : "kube-system", object, {}, ALICE);
  }
}

async function names({ registry }: Fixture, query: RegistryListQuery): Promise<string> {
  const { items } = await registry.list(serviceKind, query);
  return items.map(({ metadata }) => metadata.name).join(" ");
}

test("selectors choose by namespace, label and field", async (t) => {
  const fixture = await startRegistry(t);
  await withServices(fixture, 10);
  const table: [query: RegistryListQuery, names: string][] = [
    [{}, "s00 s01 s02 s03 s04 s05 s06 s07 s08 s09"],
    [{ namespace: "kube-system" }, "s08 s09"],
    [{ labelSelector: "parity=odd,parity" }, "s01 s03 s05 s07 s09"],
    [{ labelSelector: "!parity" }, ""],
    [{ namespace: "default", fieldSelector: "metadata.name=s03" }, "s03"],
    [{ fieldSelector: "metadata.name=s09" }, "s09"],
    [{ fieldSelector: "metadata.namespace=kube-system" }, "s08 s09"],
    [{ namespace: "default", fieldSelector: "metadata.name=s03", labelSelector: "parity=even" }, ""],
    [
      { namespace: "default", fieldSelector: "metadata.name!=s03", labelSelector: "parity=odd" },
      "s01 s05 s07",
    ],
    [{ namespace: "nowhere" }, ""],
  ];
  for (const [query, expected] of table)
    assert.equal(await names(fixture, query), expected, JSON.stringify(query));
});

test("pages are one consistent list, whatever is written between them", async (t) => {
  const fixture = await startRegistry(t);
  await withServices(fixture, 10);
  for (const labelSelector of ["", "parity=even"]) {
    const whole = await names(fixture, { labelSelector });
    const seen: string[] = [];
    let token: string | undefined;
    let version: string | undefined;
    do {
      const page = await fixture.registry.list(serviceKind, {
        labelSelector,
        limit: 3,
        ...(token && { continue: token }),
      });
      assert.ok(page.items.length <= 3);
      version ??= page.resourceVersion;
      assert.equal(page.resourceVersion, version);
      if (labelSelector === "" && page.continue !== undefined)
        assert.equal(page.remainingItemCount, 10 - seen.length - page.items.length);
      seen.push(...page.items.map(({ metadata }) => metadata.name!));
      token = page.continue;
      await fixture.registry.create(
        serviceKind,
        "default",
        service(`x${labelSelector === "" ? "" : "y"}${seen.length}`),
        {},
        ALICE,
      );
    } while (token !== undefined);
    assert.equal(seen.join(" "), whole);
    for (const { metadata } of (await fixture.registry.list(serviceKind, {})).items)
      if (metadata.name!.startsWith("x"))
        await fixture.registry.delete(serviceKind, { namespace: "default", name: metadata.name! }, {}, ALICE);
  }
});

test("a token whose version is compacted gives a new one that leads on", async (t) => {
  const fixture = await startRegistry(t);
  await withServices(fixture, 6);
  const first = await fixture.registry.list(serviceKind, { limit: 2 });
  await fixture.registry.create(serviceKind, "default", service("a-late"), {}, ALICE);
  await fixture.store.compact(fixture.store.revision);
  let token: string | undefined;
  await assert.rejects(
    fixture.registry.list(serviceKind, { limit: 2, continue: first.continue! }),
    (error) => {
      assert.ok(error instanceof ApiError);
      assert.equal(`${error.code} ${error.reason}`, "410 Expired");
      assert.match(
        error.message,
        /^The provided continue parameter is too old to display a consistent list result/,
      );
      token = error.status.metadata.continue;
      return true;
    },
  );
  assert.equal(await names(fixture, { continue: token! }), "s02 s03 s04 s05");
});

test("versions: exact ones are read back, old and future ones refused in Kubernetes' words", async (t) => {
  const fixture = await startRegistry(t);
  await withServices(fixture, 2);
  const { resourceVersion } = await fixture.registry.list(serviceKind, {});
  await withServicesMore(fixture);
  const exact: RegistryListQuery = { resourceVersion, resourceVersionMatch: "Exact" };
  assert.equal(await names(fixture, exact), "s00 s01");
  assert.equal(await names(fixture, { resourceVersion }), "more s00 s01");
  assert.equal(await names(fixture, { resourceVersion: "0" }), "more s00 s01");
  await fixture.store.compact(fixture.store.revision);
  const { revision } = fixture.store;
  const table: [query: RegistryListQuery, refused: string][] = [
    [exact, `410 Expired: too old resource version: ${resourceVersion} (${revision})`],
    [
      { resourceVersion: "999" },
      `504 Timeout: Timeout: Too large resource version: 999, current: ${revision}`,
    ],
    [
      { resourceVersionMatch: "Exact" },
      '422 Invalid: ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [{ labelSelector: "a=(" }, /^400 BadRequest: .*/.source],
    [{ fieldSelector: "spec.nothing=1" }, "400 BadRequest: field label not supported: spec.nothing"],
    [{ continue: "nonsense" }, "400 BadRequest: invalid continue token: continue key is not valid"],
  ];
  for (const [query, refused] of table) {
    const said = await refusal(fixture.registry.list(serviceKind, query));
    if (refused.startsWith("^")) assert.match(said, new RegExp(refused));
    else assert.equal(said, refused);
  }
});

async function withServicesMore({ registry }: Fixture): Promise<void> {
  await registry.create(serviceKind, "default", service("more"), {}, ALICE);
}
