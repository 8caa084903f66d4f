/** Upstream: test/e2e/apimachinery/discovery.go, aggregated_discovery.go, server_version.go, openapiv3.go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster } from "./cluster.ts";

const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/**
 * Of upstream's list of groups and resources those that fairlead has. Left out, as they are no part of what a Service
 * needs: admissionregistration.k8s.io, apiregistration.k8s.io, autoscaling, batch, certificates.k8s.io, node.k8s.io,
 * policy, scheduling.k8s.io, storage.k8s.io.
 */
const RESOURCES = [
  ["v1", "namespaces"],
  ["apiextensions.k8s.io/v1", "customresourcedefinitions"],
  ["apps/v1", "deployments"],
  ["authentication.k8s.io/v1", "tokenreviews"],
  ["authorization.k8s.io/v1", "selfsubjectaccessreviews"],
  ["coordination.k8s.io/v1", "leases"],
  ["discovery.k8s.io/v1", "endpointslices"],
  ["events.k8s.io/v1", "events"],
  ["networking.k8s.io/v1", "ingresses"],
] as const;

interface Group {
  readonly name: string;
  readonly versions: readonly { readonly groupVersion: string; readonly version: string }[];
  readonly preferredVersion: { readonly groupVersion: string };
}

interface GroupDiscoveryList {
  readonly kind: string;
  readonly apiVersion: string;
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly { readonly resource: string }[];
    }[];
  }[];
}

const cluster = await startCluster();
const { api } = cluster;

test("[sig-api-machinery] Discovery should accurately determine present and missing resources", async () => {
  assert.equal(await api.serves("v1", "namespaces"), true);
  assert.equal(await api.serves("apps/v1", "deployments"), true);
  assert.equal(await api.serves("apps/v1", "please-dont-ever-create-this"), false);
  assert.equal(await api.serves("not-these-apps/v1", "deployments"), false);
});

test("[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup [Conformance]", async () => {
  const { groups } = await api.json<{ groups: Group[] }>("/apis/");
  assert.ok(groups.length > 0, "missing APIGroups");
  for (const { name } of groups) {
    const { versions, preferredVersion } = await api.json<Group>(`/apis/${name}/`);
    assert.ok(
      versions.some(({ groupVersion }) => groupVersion === preferredVersion.groupVersion),
      `${name} prefers ${preferredVersion.groupVersion}, which it has not`,
    );
  }
});

test("[sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup [Conformance]", async () => {
  for (const [groupVersion, resource] of RESOURCES) {
    const path = `${groupVersion === "v1" ? "/api" : "/apis"}/${groupVersion}`;
    const list = await api.json<{ groupVersion: string; resources: { name: string }[] }>(path);
    assert.equal(list.groupVersion, groupVersion);
    assert.ok(
      list.resources.some(({ name }) => name === resource),
      `${path} has no ${resource}`,
    );
  }
});

async function aggregated(path: string): Promise<GroupDiscoveryList> {
  const list = await api.json<GroupDiscoveryList>(path, { headers: { accept: AGGREGATED } });
  assert.equal(list.kind, "APIGroupDiscoveryList");
  assert.equal(list.apiVersion, "apidiscovery.k8s.io/v2");
  return list;
}

function isPresent({ items }: GroupDiscoveryList, groupVersion: string, resource: string): boolean {
  const [version, group = ""] = groupVersion.split("/").reverse();
  return items.some(
    ({ metadata, versions }) =>
      (metadata.name ?? "") === group &&
      versions.some(
        (one) => one.version === version && one.resources.some((each) => each.resource === resource),
      ),
  );
}

test("[sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers [Conformance]", async () => {
  const groups = await aggregated("/apis");
  const legacy = await aggregated("/api");
  for (const [groupVersion, resource] of RESOURCES)
    assert.ok(
      isPresent(groupVersion === "v1" ? legacy : groups, groupVersion, resource),
      `${resource} of ${groupVersion} is not in aggregated discovery`,
    );
});

/** What client-go's GroupsAndMaybeResources asks and understands: the newest form first, on both roots. */
test("[sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface [Conformance]", async () => {
  const accept = `${AGGREGATED},${AGGREGATED.replace("v2", "v2beta1")},application/json`;
  const lists = await Promise.all(
    ["/api", "/apis"].map(async (path) => {
      const reply = await cluster.call(path, { headers: { accept } });
      assert.match(
        String(reply.headers["content-type"]),
        /g=apidiscovery\.k8s\.io;v=v2;as=APIGroupDiscoveryList/,
      );
      return reply.json() as unknown as GroupDiscoveryList;
    }),
  );
  const all = { ...lists[0]!, items: lists.flatMap(({ items }) => items) };
  for (const [groupVersion, resource] of RESOURCES)
    assert.ok(isPresent(all, groupVersion, resource), `${resource} of ${groupVersion} is not there`);
});

test("[sig-api-machinery] server version should find the server version [Conformance]", async () => {
  const { major, minor } = await api.json<{ major: string; minor: string }>("/version");
  assert.equal(/[1-9]/.exec(major)?.[0], major);
  assert.equal(/[0-9]+/.exec(minor)?.[0], minor.replaceAll(/[^0-9]+/g, ""));
});

test("[sig-api-machinery] OpenAPIV3 should round trip OpenAPI V3 for all built-in group versions", async () => {
  const { paths } = await api.json<{ paths: Record<string, { serverRelativeURL: string }> }>("/openapi/v3");
  for (const { name } of (await api.json<{ groups: Group[] }>("/apis")).groups)
    assert.ok(
      Object.keys(paths).some((path) => path.startsWith(`apis/${name}/`)),
      `/openapi/v3 has nothing of ${name}`,
    );
  for (const { serverRelativeURL } of Object.values(paths)) {
    const reply = await cluster.call(serverRelativeURL);
    assert.equal(reply.status, 200, serverRelativeURL);
    const { openapi, paths, components } = reply.json() as {
      openapi: string;
      paths: Record<string, object>;
      components?: { schemas: Record<string, object> };
    };
    assert.match(openapi, /^3\.0/);
    assert.ok(Object.keys(paths).length > 0);
    // The schemas that are referred to are there: a client that follows them never gets lost.
    for (const [, reference] of reply.text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
      assert.ok(components?.schemas[reference!] !== undefined, `${serverRelativeURL} lacks ${reference}`);
  }
});

/** Upstream: test/e2e/network/networking.go. */
test("[sig-network] Networking should provide unchanging, static URL paths for kubernetes api services", async () => {
  for (const path of ["/healthz", "/api", "/apis", "/metrics", "/openapi/v2", "/version"]) {
    const reply = await cluster.call(path);
    // Prometheus' text and swagger come when their parts are served.
    assert.ok(reply.status < 400, `${path}: ${reply.status} ${reply.text}`);
    assert.notEqual(reply.text, "", path);
  }
});
