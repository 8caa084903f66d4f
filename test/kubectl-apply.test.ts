/**
 * The real kubectl and server-side apply: conflicts in upstream's words, forcing, several managers, the way over from
 * client-side apply, and `kubectl diff`.
 */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { type ApiFixture, startApi } from "./api-fixture.ts";
import { findKubectls, type Kubectl, kubectlFor, type KubectlVersion } from "./kubectl-fixture.ts";

/** They differ in how they go over from client-side apply, and in what they show. Where none of these is, all that are. */
const VERSIONS = new Set(["1.20", "1.27", "1.33"]);

const found = findKubectls();

function service(name: string, spec: object, metadata: object = {}): string {
  return JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name, ...metadata }, spec });
}

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly time: string;
  readonly subresource?: string;
  readonly fieldsV1: Record<string, Record<string, unknown>>;
}

if (found.length === 0 && process.env["CI"] === "true")
  throw new Error("there is no kubectl: install kubernetes-client, or the Google Cloud SDK's kubectl");
if (found.length === 0)
  test("server-side apply with kubectl", { skip: "no kubectl on this machine" }, () => {});
const chosen = found.filter(({ version }) => VERSIONS.has(version));
for (const version of chosen.length > 0 ? chosen : found) applySuite(version);

function applySuite(version: KubectlVersion): void {
  suite(`server-side apply with kubectl ${version.version}`, () => {
    let api: ApiFixture;
    let kubectl: Kubectl;
    const minor = Number(version.version.split(".")[1]);

    const stack = new AsyncDisposableStack();
    after(async () => stack.disposeAsync());
    before(async () => {
      api = await startApi({ after: (undo) => stack.defer(undo) });
      kubectl = kubectlFor(version, api.kubeconfig, await mkdtemp(join(api.directory, "home-")));
    });
    after(() => assert.deepEqual(api.faults, []));

    const apply = async (input: string, ...more: string[]): ReturnType<Kubectl["run"]> =>
      kubectl.run(["apply", "--server-side", "-f", "-", ...more], { input });
    const managersOf = async (name: string): Promise<Entry[]> => {
      const reply = await api.call(`/api/v1/namespaces/default/services/${name}`);
      return (reply.json() as { metadata: { managedFields?: Entry[] } }).metadata.managedFields ?? [];
    };

    test("makes, changes nothing the second time, and lets go of what is left out", async () => {
      const first = service(
        "web",
        {
          selector: { app: "web" },
          ports: [{ port: 80 }, { port: 80, protocol: "UDP", name: "u" }].slice(0, 1),
        },
        { labels: { a: "1", b: "2" } },
      );
      assert.match((await apply(first)).stdout, /service\/web serverside-applied/);
      const [entry] = await managersOf("web");
      assert.equal(entry!.manager, "kubectl");
      assert.equal(entry!.operation, "Apply");
      assert.deepEqual(entry!.fieldsV1, {
        "f:metadata": { "f:labels": { "f:a": {}, "f:b": {} } },
        "f:spec": {
          "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {} } },
          "f:selector": {},
        },
      });
      const version = await kubectl.ok(["get", "svc", "web", "-o", "jsonpath={.metadata.resourceVersion}"]);
      await apply(first);
      assert.equal(
        await kubectl.ok(["get", "svc", "web", "-o", "jsonpath={.metadata.resourceVersion}"]),
        version,
      );
      await apply(
        service("web", { selector: { app: "web" }, ports: [{ port: 80 }] }, { labels: { b: "2" } }),
      );
      assert.equal(await kubectl.ok(["get", "svc", "web", "-o", "jsonpath={.metadata.labels}"]), '{"b":"2"}');
    });

    test("refuses to take what another manager owns, until it is forced", async () => {
      const mine = service("shared", { ports: [{ port: 80, targetPort: 8080 }] });
      assert.equal((await apply(mine, "--field-manager", "alice")).code, 0);
      const theirs = service("shared", { ports: [{ port: 80, targetPort: 9090 }], selector: { x: "y" } });
      const refused = await apply(theirs, "--field-manager", "bob");
      assert.equal(refused.code, 1);
      assert.match(
        refused.stderr,
        /Apply failed with 1 conflict: conflict with "alice": \.spec\.ports\[port=80,protocol="TCP"\]\.targetPort/,
      );
      const forced = await apply(theirs, "--field-manager", "bob", "--force-conflicts");
      assert.equal(forced.code, 0, forced.stderr);
      const managers = await managersOf("shared");
      assert.deepEqual(
        managers.map(({ manager, fieldsV1 }) => [manager, fieldsV1["f:spec"]]),
        [
          ["alice", { "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {} } } }],
          [
            "bob",
            {
              "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {}, "f:targetPort": {} } },
              "f:selector": {},
            },
          ],
        ],
      );
    });

    test("an ordinary write takes what it changes", async () => {
      await apply(service("taken", { ports: [{ port: 80 }], selector: { a: "1" } }));
      await kubectl.ok(["patch", "svc", "taken", "--type=merge", "-p", '{"spec":{"selector":{"a":"2"}}}']);
      const refused = await apply(service("taken", { ports: [{ port: 80 }], selector: { a: "3" } }));
      assert.match(refused.stderr, /conflict with "kubectl-patch" using v1: \.spec\.selector/);
    });

    test("managed fields are shown when they are asked for", async () => {
      await apply(service("shown", { ports: [{ port: 80 }] }));
      const args = ["get", "svc", "shown", "-o", "yaml"];
      // Older ones know no such flag, and always show them.
      const text = await kubectl.ok(minor >= 21 ? [...args, "--show-managed-fields"] : args);
      assert.match(text, /managedFields:\n {2}- apiVersion: v1\n {4}fieldsType: FieldsV1/);
      assert.match(text, /k:\{"port":80,"protocol":"TCP"\}:/);
      if (minor >= 21) assert.doesNotMatch(await kubectl.ok(args), /managedFields/);
    });

    test("goes over from client-side apply", async () => {
      const old = service("moved", { ports: [{ port: 80, targetPort: 8080 }], selector: { app: "old" } });
      await kubectl.ok(["apply", "-f", "-"], { input: old });
      const next = service("moved", { ports: [{ port: 80, targetPort: 8081 }] });
      const outcome = await apply(next);
      assert.equal(outcome.code, 0, outcome.stderr);
      const managers = await managersOf("moved");
      const names = managers.map(({ manager, operation }) => `${manager} ${operation}`);
      if (minor >= 26) {
        // It hands the fields of kubectl-client-side-apply over by a JSON patch, so that the selector goes, too.
        assert.deepEqual(names, ["kubectl Apply", "kubectl-last-applied Apply"]);
        assert.equal(await kubectl.ok(["get", "svc", "moved", "-o", "jsonpath={.spec.selector}"]), "");
      } else assert.equal(names[0], "kubectl Apply");
      assert.equal(
        await kubectl.ok(["get", "svc", "moved", "-o", "jsonpath={.spec.ports[0].targetPort}"]),
        "8081",
      );
      const last = await kubectl.ok(["get", "svc", "moved", "-o", "json"]);
      const annotation = (JSON.parse(last) as { metadata: { annotations: Record<string, string> } }).metadata
        .annotations["kubectl.kubernetes.io/last-applied-configuration"]!;
      assert.match(annotation, /"targetPort":8081/);
    });

    test("diff shows what an apply would change, and changes nothing", async () => {
      await apply(service("differs", { ports: [{ port: 80 }], selector: { a: "1" } }));
      const changed = service("differs", { ports: [{ port: 80 }], selector: { a: "2" } });
      const outcome = await kubectl.run(["diff", "--server-side", "-f", "-"], { input: changed });
      assert.equal(outcome.code, 1, outcome.stderr);
      assert.match(outcome.stdout, /-\s+a: "1"\n\+\s+a: "2"/);
      assert.equal(await kubectl.ok(["get", "svc", "differs", "-o", "jsonpath={.spec.selector.a}"]), "1");
      const same = service("differs", { ports: [{ port: 80 }], selector: { a: "1" } });
      assert.equal((await kubectl.run(["diff", "--server-side", "-f", "-"], { input: same })).code, 0);
    });

    test("whose the replicas are is told apart by /scale", async () => {
      const deployment = {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "scaled" },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: "scaled" } },
          template: {
            metadata: { labels: { app: "scaled" } },
            spec: { containers: [{ name: "c", image: "i" }] },
          },
        },
      };
      assert.equal((await apply(JSON.stringify(deployment))).code, 0);
      await kubectl.ok(["scale", "deployment", "scaled", "--replicas=3"]);
      const refused = await apply(JSON.stringify(deployment));
      assert.match(
        refused.stderr,
        /Apply failed with 1 conflict: conflict with "kubectl[^"]*" with subresource "scale" using apps\/v1: \.spec\.replicas/,
      );
      const scale = {
        apiVersion: "autoscaling/v1",
        kind: "Scale",
        metadata: { name: "scaled" },
        spec: { replicas: 5 },
      };
      const path = "/apis/apps/v1/namespaces/default/deployments/scaled/scale?fieldManager=scaler";
      const call = {
        method: "PATCH",
        body: scale,
        headers: { "content-type": "application/apply-patch+yaml" },
      };
      assert.equal((await api.call(path, call)).status, 409);
      const forced = await api.call(`${path}&force=true`, call);
      assert.equal(forced.status, 200, forced.text);
      assert.deepEqual(forced.json()["spec"], { replicas: 5 });
      const reply = await api.call("/apis/apps/v1/namespaces/default/deployments/scaled");
      const { metadata } = reply.json() as { metadata: { managedFields: Entry[] } };
      const owners = metadata.managedFields
        .filter(({ fieldsV1 }) => fieldsV1["f:spec"]?.["f:replicas"] !== undefined)
        .map(({ manager, operation, subresource }) => [manager, operation, subresource]);
      assert.deepEqual(owners, [["scaler", "Apply", "scale"]]);
    });

    test("says what it does not know", async () => {
      // Older ones would look themselves first.
      const outcome = await apply(
        service("odd", { ports: [{ port: 80 }], colour: "red" }),
        "--validate=false",
      );
      assert.equal(outcome.code, 1);
      assert.match(
        outcome.stderr,
        /failed to create typed patch object \(default\/odd; \/v1, Kind=Service\): \.spec\.colour: field not declared in schema/,
      );
    });
  });
}
