import assert from "node:assert/strict";
import { test } from "node:test";
import { contivDocument } from "./openapi.ts";
import { targetOf } from "./paths.ts";

test("each path that every listener has is described, and each that is described is there", () => {
  const { paths } = contivDocument("1.2.3") as { readonly paths: Readonly<Record<string, object>> };
  const plurals = ["networks", "tenants", "serviceLBs"];
  const served = [
    ...plurals.flatMap((plural) => [
      `/api/v1/${plural}/`,
      `/api/v1/${plural}/{key}/`,
      `/api/v1/inspect/${plural}/`,
      `/api/v1/inspect/${plural}/{key}/`,
    ]),
    "/api/v1/inspect/endpoints/{id}/",
    "/api/v1/describe/serviceLBs/{key}/",
    "/svcstats",
  ];
  assert.deepEqual(Object.keys(paths).sort(), served.toSorted());
  for (const path of served) {
    const asked = path.replace("{key}", "default:web").replace("{id}", "none");
    const target = targetOf(asked, new URLSearchParams(), false);
    assert.ok(target !== undefined && target.what !== "nothing", asked);
  }
});
