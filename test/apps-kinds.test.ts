/** Deployments, ReplicaSets, ReplicationControllers and bindings against a real server: over HTTP, and with kubectl. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startApi } from "./api-fixture.ts";
import { findKubectls, kubectlFor } from "./kubectl-fixture.ts";

const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
const CONTROLLERS = "/api/v1/namespaces/default/replicationcontrollers";
const PODS = "/api/v1/namespaces/default/pods";

type Json = Record<string, unknown>;

const template = {
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "c", image: "nginx:1.27" }] },
};
const DEPLOYMENT = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default" },
  spec: { selector: { matchLabels: { app: "web" } }, template },
};
const merge = { "content-type": "application/merge-patch+json" };

test("a Deployment's generation counts its specification and annotations, not its status or labels", async (t) => {
  const api = await startApi(t);
  assert.equal((await api.call(DEPLOYMENTS, { method: "POST", body: DEPLOYMENT })).status, 201);
  const patch = async (path: string, body: object): Promise<number> => {
    const reply = await api.call(`${DEPLOYMENTS}/web${path}`, { method: "PATCH", headers: merge, body });
    assert.equal(reply.status, 200, reply.text);
    return (reply.json()["metadata"] as { generation: number }).generation;
  };
  assert.equal(await patch("", { metadata: { labels: { a: "b" } } }), 1);
  assert.equal(await patch("", { metadata: { annotations: { a: "b" } } }), 2);
  assert.equal(await patch("", { spec: { paused: true } }), 3);
  assert.equal(
    await patch("/status", { status: { observedGeneration: 3, replicas: 1 }, spec: { paused: false } }),
    3,
  );
  const { spec, status } = (await api.call(`${DEPLOYMENTS}/web`)).json() as { spec: Json; status: Json };
  assert.deepEqual([spec["paused"], status], [true, { observedGeneration: 3, replicas: 1 }]);
});

test("a Deployment, a ReplicaSet and a ReplicationController are scaled in the same words", async (t) => {
  const api = await startApi(t);
  const { spec } = DEPLOYMENT;
  const rows: [string, object, string][] = [
    [DEPLOYMENTS, DEPLOYMENT, "app=web"],
    [
      DEPLOYMENTS.replace("deployments", "replicasets"),
      { ...DEPLOYMENT, kind: "ReplicaSet", spec },
      "app=web",
    ],
    [
      CONTROLLERS,
      { apiVersion: "v1", kind: "ReplicationController", metadata: { name: "web" }, spec: { template } },
      "app=web",
    ],
  ];
  for (const [path, body, selector] of rows) {
    const created = await api.call(path, { method: "POST", body });
    assert.equal(created.status, 201, created.text);
    const scale = (await api.call(`${path}/web/scale`)).json();
    assert.deepEqual([scale["spec"], scale["status"]], [{ replicas: 1 }, { replicas: 0, selector }]);
    const scaled = await api.call(`${path}/web/scale`, {
      method: "PUT",
      body: { ...scale, spec: { replicas: 5 } },
    });
    assert.equal(scaled.status, 200, scaled.text);
    // The version in the first Scale is old by now.
    assert.equal((await api.call(`${path}/web/scale`, { method: "PUT", body: scale })).status, 409);
    const negative = await api.call(`${path}/web/scale`, {
      method: "PATCH",
      headers: merge,
      body: { spec: { replicas: -1 } },
    });
    assert.equal(negative.status, 422, negative.text);
    const stored = (await api.call(`${path}/web`)).json() as { spec: Json };
    assert.equal(stored.spec["replicas"], 5);
  }
});

test("a pod is bound once, through pods/binding", async (t) => {
  const api = await startApi(t);
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec: template.spec };
  assert.equal((await api.call(PODS, { method: "POST", body: pod })).status, 201);
  const binding = {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name: "web", annotations: { by: "hand" } },
    target: { kind: "Node", name: "node-a" },
  };
  const bind = async (body: object, query = ""): Promise<Awaited<ReturnType<typeof api.call>>> =>
    api.call(`${PODS}/web/binding${query}`, { method: "POST", body });
  const nowhere = await bind({ ...binding, target: {} });
  assert.equal(nowhere.status, 422, nowhere.text);
  assert.match(nowhere.text, /target.name: Required value/);
  assert.equal((await bind({ ...binding, metadata: { name: "other" } })).status, 400);
  const other = await bind({ ...binding, metadata: { ...binding.metadata, uid: "no" } });
  assert.equal(other.status, 409, other.text);
  assert.equal((await bind(binding, "?dryRun=All")).status, 201);
  const bound = await bind(binding);
  assert.deepEqual([bound.status, bound.json()["status"]], [201, "Success"], bound.text);
  const again = await bind(binding);
  assert.equal(again.status, 409);
  assert.equal(
    again.json()["message"],
    'Operation cannot be fulfilled on pods/binding "web": pod web is already assigned to node "node-a"',
  );
  const { metadata, spec, status } = (await api.call(`${PODS}/web`)).json() as {
    metadata: { annotations: Json };
    spec: Json;
    status: { conditions: Json[] };
  };
  assert.equal(spec["nodeName"], "node-a");
  assert.equal(metadata.annotations["by"], "hand");
  const scheduled = status.conditions.find((condition) => condition["type"] === "PodScheduled");
  assert.equal(scheduled?.["status"], "True");
});

test("the older form of a binding is a resource of its own", async (t) => {
  const api = await startApi(t);
  const pod = { metadata: { name: "web" }, spec: { containers: [{ name: "c", image: "i" }] } };
  assert.equal((await api.call(PODS, { method: "POST", body: pod })).status, 201);
  const bind = async (name: string, query = "") =>
    api.call(`/api/v1/namespaces/default/bindings${query}`, {
      method: "POST",
      body: { apiVersion: "v1", kind: "Binding", metadata: { name }, target: { kind: "Node", name: "n1" } },
    });
  const nodeName = async (): Promise<unknown> =>
    ((await api.call(`${PODS}/web`)).json() as { spec: { nodeName?: string } }).spec.nodeName;
  assert.equal((await bind("other")).status, 404);
  assert.equal((await bind("web", "?dryRun=All")).status, 201);
  assert.equal(await nodeName(), undefined);
  const bound = await bind("web");
  const { kind, status } = bound.json() as { kind: string; status: string };
  assert.deepEqual([bound.status, kind, status], [201, "Status", "Success"], bound.text);
  assert.equal(await nodeName(), "n1");
  assert.equal((await bind("web")).status, 409);
  assert.equal((await api.call("/api/v1/namespaces/default/bindings")).status, 405);
});

const found = findKubectls();
if (found.length === 0) {
  assert.notEqual(process.env["CI"], "true", "there is no kubectl: install kubernetes-client");
  test("kubectl", { skip: "no kubectl on this machine" }, () => {});
}
for (const version of found.filter(
  ({ version: name }, i) => i === 0 || name === "1.27" || i === found.length - 1,
))
  test(`kubectl ${version.version} works with Deployments and ReplicationControllers`, async (t) => {
    const api = await startApi(t);
    const directory = await mkdtemp(join(tmpdir(), "fairlead-apps-"));
    t.after(async () => rm(directory, { recursive: true }));
    const kubectl = kubectlFor(version, api.kubeconfig, directory);
    const field = async (what: string, path: string): Promise<string> =>
      kubectl.ok(["get", what, "-o", `jsonpath={${path}}`]);

    await kubectl.ok(["create", "deployment", "web", "--image=nginx:1.27", "--replicas=2", "--port=80"]);
    assert.equal(
      await field("deploy/web", ".spec.strategy"),
      '{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"},"type":"RollingUpdate"}',
    );
    assert.match(
      await kubectl.ok(["get", "deploy"]),
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/2 +0 +0 /,
    );
    assert.match(
      await kubectl.ok(["get", "deploy", "-o", "wide"]),
      /CONTAINERS +IMAGES +SELECTOR\nweb .* nginx +nginx:1.27 +app=web\n/,
    );
    assert.equal(await kubectl.ok(["scale", "deploy/web", "--replicas=3"]), "deployment.apps/web scaled\n");
    await kubectl.ok(["scale", "deploy/web", "--current-replicas=3", "--replicas=4"]);
    const wrong = await kubectl.run(["scale", "deploy/web", "--current-replicas=3", "--replicas=5"]);
    assert.match(wrong.stderr, /Expected replicas to be 3, was 4/);
    const old = await kubectl.run(["scale", "deploy/web", "--resource-version=1", "--replicas=5"]);
    assert.equal(old.code, 1);
    assert.equal(await field("deploy/web", ".spec.replicas"), "4");
    await kubectl.ok(["set", "image", "deploy/web", "nginx=nginx:1.28"]);
    await kubectl.ok(["rollout", "restart", "deploy/web"]);
    // What the Deployment's controller would make of it.
    const revision = {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        name: "web-1",
        labels: { app: "web" },
        annotations: { "deployment.kubernetes.io/revision": "1" },
        ownerReferences: [
          {
            apiVersion: "apps/v1",
            kind: "Deployment",
            name: "web",
            controller: true,
            uid: await field("deploy/web", ".metadata.uid"),
          },
        ],
      },
      spec: { replicas: 0, selector: { matchLabels: { app: "web" } }, template },
    };
    await kubectl.ok(["create", "-f", "-"], { input: JSON.stringify(revision) });
    assert.match(await kubectl.ok(["rollout", "history", "deploy/web"]), /REVISION +CHANGE-CAUSE\n1 +<none>/);
    assert.equal(await kubectl.ok(["expose", "deploy/web"]), "service/web exposed\n");
    assert.equal(await field("svc/web", ".spec.selector.app"), "web");
    const rc = {
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: { name: "old" },
      spec: { template },
    };
    await kubectl.ok(["create", "-f", "-"], { input: JSON.stringify(rc) });
    await kubectl.ok(["expose", "rc/old", "--port=81", "--name=older"]);
    const all = await kubectl.ok(["get", "all"]);
    for (const name of ["deployment.apps/web", "replicationcontroller/old", "service/web", "service/older"])
      assert.ok(all.includes(name), all);
    await kubectl.ok([
      "patch",
      "deploy/web",
      "-p",
      '{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}',
    ]);
    assert.equal(await field("deploy/web", ".spec.strategy"), '{"type":"Recreate"}');
    assert.match(await kubectl.ok(["describe", "deploy", "web"]), /StrategyType: +Recreate/);
    const selector = await kubectl.run([
      "patch",
      "deploy/web",
      "-p",
      '{"spec":{"selector":{"matchLabels":{"x":"y"}}}}',
    ]);
    assert.match(selector.stderr, /`selector` does not match template `labels`/);
    assert.match(selector.stderr, /field is immutable/);
    await kubectl.ok(["delete", "rc/old", "--cascade=orphan"]);
    await kubectl.ok(["delete", "deploy/web", "--cascade=foreground", "--timeout=10s"]);
    assert.equal((await kubectl.run(["get", "deploy/web"])).code, 1);
  });
