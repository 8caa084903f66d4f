/** ServiceCIDRs, IPAddresses and namespaces with the real kubectl, and many clients at once. Needs no root. */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { cidr } from "../src/base/ip.ts";
import { type ApiFixture, connect, startApi } from "./api-fixture.ts";
import { findKubectls, type Kubectl, kubectlFor } from "./kubectl-fixture.ts";

const TIMEOUT = { timeout: 60_000 };
const CREATORS = 100;

const manifest = (name: string, ...cidrs: readonly string[]): string =>
  JSON.stringify({
    apiVersion: "networking.k8s.io/v1",
    kind: "ServiceCIDR",
    metadata: { name },
    spec: { cidrs },
  });

const versions = findKubectls();
if (versions.length === 0 && process.env["CI"] === "true")
  throw new Error("there is no kubectl: install kubernetes-client, or the Google Cloud SDK's kubectl");
if (versions.length === 0)
  test("kubectl with ServiceCIDRs", { skip: "no kubectl on this machine" }, () => {});

// The oldest and the newest: in between nothing differs here.
for (const version of new Set([versions[0]!, versions.at(-1)!].filter(Boolean))) {
  suite(`ServiceCIDRs by kubectl ${version.version}`, { concurrency: false }, () => {
    let api: ApiFixture;
    let kubectl: Kubectl;
    const stack = new AsyncDisposableStack();
    after(async () => stack.disposeAsync());
    before(async () => {
      const options = { serviceCidrs: [cidr("10.96.0.0/29")] };
      api = await startApi({ after: (undo) => stack.defer(undo) }, options);
      kubectl = kubectlFor(version, api.kubeconfig, await mkdtemp(join(api.directory, "home-")));
    });

    const create = async (name: string): Promise<void> => {
      await kubectl.ok(["create", "service", "clusterip", name, "--tcp=80"]);
    };

    /** kubectl 1.20 takes it for an error to wait for the end of what is gone already. */
    const gone = async (what: string): Promise<void> => {
      const { code, stderr } = await kubectl.run(["wait", "--for=delete", what, "--timeout=20s"]);
      assert.ok(code === 0 || /no matching resources found|NotFound/.test(stderr), stderr);
    };

    test("get servicecidr,ipaddress shows the installation's own", TIMEOUT, async () => {
      assert.match(
        await kubectl.ok(["get", "servicecidr"]),
        /^NAME +CIDRS +AGE\nkubernetes +10\.96\.0\.0\/29 +\d+s\n$/,
      );
      assert.match(
        await kubectl.ok(["get", "ip"]),
        /^NAME +PARENTREF +AGE\n10\.96\.0\.1 +services\/default\/kubernetes +\d+s\n$/,
      );
      assert.match(
        await kubectl.ok(["get", "servicecidr,ipaddress"]),
        /servicecidr\.networking\.k8s\.io\/kubernetes[^]*ipaddress\.networking\.k8s\.io\/10\.96\.0\.1/,
      );
    });

    test("a full range gets room by another, which is gone when its Services are", TIMEOUT, async () => {
      for (let i = 0; i < 5; i++) await create(`s${i}`);
      const full = await kubectl.run(["create", "service", "clusterip", "more", "--tcp=80"]);
      assert.match(full.stderr, /Internal error occurred: failed to allocate a serviceIP: range is full/);
      await kubectl.ok(["apply", "-f", "-"], { input: manifest("extra", "10.97.0.0/28") });
      await kubectl.ok(["wait", "--for=condition=Ready", "servicecidr/extra", "--timeout=10s"]);
      await create("more");
      const path = "jsonpath={.spec.clusterIP}";
      assert.match(await kubectl.ok(["get", "svc", "more", "-o", path]), /^10\.97\.0\./);
      const ready = 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}';
      await kubectl.ok(["delete", "servicecidr", "extra", "--wait=false"]);
      const deadline = performance.now() + 10_000;
      // Old kubectls cannot wait for a reason.
      while ((await kubectl.ok(["get", "servicecidr", "extra", "-o", ready])) !== "Terminating")
        assert.ok(performance.now() < deadline, "the range does not say that it is going");
      const refused = await kubectl.run(["create", "service", "clusterip", "last", "--tcp=80"]);
      assert.match(refused.stderr, /range is full/);
      await kubectl.ok(["delete", "service", "more"]);
      await kubectl.ok(["wait", "--for=delete", "servicecidr/extra", "--timeout=20s"]);
    });

    test("what cannot be changed is refused in Kubernetes' words", TIMEOUT, async () => {
      const patch = JSON.stringify({ spec: { cidrs: ["10.1.0.0/16"] } });
      const { stderr } = await kubectl.run([
        "patch",
        "servicecidr",
        "kubernetes",
        "--type=merge",
        "-p",
        patch,
      ]);
      assert.match(
        stderr,
        /The ServiceCIDR "kubernetes" is invalid: spec\.cidrs\[0\]: Invalid value: "10\.1\.0\.0\/16": field is immutable/,
      );
      const taken = await kubectl.run(["create", "-f", "-"], {
        input: JSON.stringify({
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "taken" },
          spec: { clusterIP: "10.96.0.1", ports: [{ port: 80 }] },
        }),
      });
      assert.match(
        taken.stderr,
        /spec\.clusterIPs: Invalid value: \["10\.96\.0\.1"\]: failed to allocate IP 10\.96\.0\.1: provided IP is already allocated/,
      );
    });

    test("a namespace that is kept says by what", TIMEOUT, async () => {
      await kubectl.ok(["create", "namespace", "shop"]);
      const held = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "held", namespace: "shop", finalizers: ["example.com/held"] },
      };
      await kubectl.ok(["apply", "-f", "-"], { input: JSON.stringify(held) });
      await kubectl.ok(["delete", "namespace", "shop", "--wait=false"]);
      await kubectl.ok([
        "wait",
        "--for=condition=NamespaceFinalizersRemaining",
        "namespace/shop",
        "--timeout=10s",
      ]);
      const conditions = await kubectl.ok([
        "get",
        "namespace",
        "shop",
        "-o",
        "jsonpath={.status.conditions}",
      ]);
      assert.match(conditions, /Some finalizers are remaining: example\.com\/held in 1/);
      assert.match(conditions, /"SomeFinalizersRemain"/);
      const late = await kubectl.run(["create", "configmap", "late", "-n", "shop"]);
      assert.match(
        late.stderr,
        /configmaps "late" is forbidden: unable to create new content in namespace shop because it is being terminated/,
      );
      const free = ["patch", "configmap", "held", "-n", "shop", "--type=merge"];
      await kubectl.ok([...free, "-p", '{"metadata":{"finalizers":null}}']);
      await gone("namespace/shop");
    });

    test("propagation as kubectl --cascade says it", TIMEOUT, async () => {
      const parent = await kubectl.ok(["create", "configmap", "parent", "-o", "jsonpath={.metadata.uid}"]);
      const child = (name: string): string =>
        JSON.stringify({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: {
            name,
            ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "parent", uid: parent }],
          },
        });
      await kubectl.ok(["create", "-f", "-"], { input: child("kept") });
      await kubectl.ok(["delete", "configmap", "parent", "--cascade=orphan"]);
      const owners = await kubectl.ok(["get", "cm", "kept", "-o", "jsonpath={.metadata.ownerReferences}"]);
      assert.equal(owners, "");
      await kubectl.ok(["create", "-f", "-"], { input: child("lost") });
      await gone("configmap/lost");
    });
  });
}

test(
  `${CREATORS} clients with connections of their own never get one address or node port twice`,
  TIMEOUT,
  async (t) => {
    const api = await startApi(
      { after: (undo) => t.after(undo) },
      { serviceCidrs: [cidr("10.96.0.0/24"), cidr("fd00::/112")] },
    );
    const clients = Array.from({ length: CREATORS }, () => connect(api.server.url, api.server.kubeconfig()));
    t.after(() => clients.forEach((client) => client.close()));
    const replies = await Promise.all(
      clients.map(async ({ call }, i) =>
        call("/api/v1/namespaces/default/services", {
          method: "POST",
          body: {
            metadata: { name: `s${i}` },
            spec: { type: "NodePort", ipFamilyPolicy: "RequireDualStack", ports: [{ port: 80 }] },
          },
        }),
      ),
    );
    interface Made {
      readonly spec: { readonly clusterIPs: string[]; readonly ports: { readonly nodePort: number }[] };
    }
    const made = replies.map((reply) => {
      assert.equal(reply.status, 201, reply.text);
      return (reply.json() as unknown as Made).spec;
    });
    assert.equal(new Set(made.flatMap(({ clusterIPs }) => clusterIPs)).size, 2 * CREATORS);
    assert.equal(new Set(made.map(({ ports }) => ports[0]!.nodePort)).size, CREATORS);
    const recorded = await api.call("/apis/networking.k8s.io/v1/ipaddresses");
    const { items } = recorded.json() as { items: { metadata: { name: string } }[] };
    // And the one of the Service kubernetes.
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name).sort(),
      ["10.96.0.1", ...made.flatMap(({ clusterIPs }) => clusterIPs)].sort(),
    );
  },
);
