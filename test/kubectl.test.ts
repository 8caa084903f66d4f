/** The real kubectl against the real server: what people do all day, in every version found. Needs no root. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { apiVersionOf } from "../src/api/kind.ts";
import { kinds } from "../src/api/kinds.ts";
import { type ApiFixture, startApi } from "./api-fixture.ts";
import { findKubectls, type Kubectl, kubectlFor } from "./kubectl-fixture.ts";

const WEB = `apiVersion: v1
kind: Service
metadata:
  name: web
  labels: {tier: front}
spec:
  selector: {app: web}
  ports:
  - port: 80
    targetPort: 8080
`;

/** A kubectl that waits for something that never comes fails its test. */
const TIMEOUT = { timeout: 20_000 };

const versions = findKubectls();
if (versions.length === 0 && process.env["CI"] === "true")
  throw new Error("there is no kubectl: install kubernetes-client, or the Google Cloud SDK's kubectl");
if (versions.length === 0) test("kubectl", { skip: "no kubectl on this machine" }, () => {});

for (const version of versions) {
  suite(`kubectl ${version.version}`, { concurrency: false }, () => {
    let api: ApiFixture;
    let kubectl: Kubectl;
    const stack = new AsyncDisposableStack();
    after(async () => stack.disposeAsync());
    before(async () => {
      api = await startApi({ after: (undo) => stack.defer(undo) });
      kubectl = kubectlFor(version, api.kubeconfig, await mkdtemp(join(api.directory, "home-")));
    });

    test("version, api-resources, api-versions, cluster-info, --raw", TIMEOUT, async () => {
      assert.match(await kubectl.ok(["version"]), /1\.34\.0\+fairlead|v1\.34\.0\+fairlead/);
      const resources = await kubectl.ok(["api-resources", "--no-headers"]);
      for (const line of [
        /^services +svc +v1 +true +Service/m,
        /^endpointslices +discovery\.k8s\.io\/v1 +true +EndpointSlice/m,
      ])
        assert.match(resources, line);
      const served = (await kubectl.ok(["api-versions"])).trim().split("\n");
      assert.deepEqual(served, [...new Set(kinds.map(apiVersionOf))].sort());
      assert.match(await kubectl.ok(["cluster-info"]), /is running at/);
      assert.equal(await kubectl.ok(["get", "--raw", "/readyz"]), "ok");
    });

    test("apply creates, leaves alone, changes", TIMEOUT, async () => {
      const apply = async (input: string): Promise<string> => kubectl.ok(["apply", "-f", "-"], { input });
      assert.equal(await apply(WEB), "service/web created\n");
      const before = await kubectl.ok(["get", "svc", "web", "-o", "jsonpath={.metadata.resourceVersion}"]);
      assert.equal(await apply(WEB), "service/web unchanged\n");
      assert.equal(
        await kubectl.ok(["get", "svc", "web", "-o", "jsonpath={.metadata.resourceVersion}"]),
        before,
      );
      assert.equal(await apply(WEB.replace("port: 80\n", "port: 81\n")), "service/web configured\n");
      assert.equal(await kubectl.ok(["get", "svc", "web", "-o", "jsonpath={.spec.ports[*].port}"]), "81");
      assert.equal(await apply(WEB), "service/web configured\n");
    });

    test("get in every form", TIMEOUT, async () => {
      const plain = await kubectl.ok(["get", "svc", "web"]);
      assert.match(
        plain,
        /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nweb +ClusterIP +10\.96\.\d+\.\d+ +<none> +80\/TCP +\d+s\n$/,
      );
      assert.match(await kubectl.ok(["get", "services", "-o", "wide"]), /SELECTOR\n[\s\S]*^web .* app=web$/m);
      assert.equal(await kubectl.ok(["get", "svc", "-o", "name"]), "service/kubernetes\nservice/web\n");
      assert.match(
        await kubectl.ok(["get", "svc", "web", "-o", "yaml"]),
        /^ {2}clusterIP: 10\.96\.[\s\S]*^ {2}type: ClusterIP$/m,
      );
      const json = JSON.parse(await kubectl.ok(["get", "svc", "web", "-o", "json"])) as {
        spec: { ports: object[] };
      };
      assert.deepEqual(json.spec.ports, [{ port: 80, protocol: "TCP", targetPort: 8080 }]);
      assert.match(await kubectl.ok(["get", "svc", "-A", "-l", "tier=front"]), /^default +web /m);
      assert.match(await kubectl.ok(["get", "all"]), /service\/web/);
      assert.match(await kubectl.ok(["get", "ns"]), /^default +Active +\d+s$/m);
      assert.match(
        (await kubectl.run(["get", "pods"])).stderr,
        /^No resources found in default namespace\.$/m,
      );
      assert.match(await kubectl.ok(["get", "endpointslices"]), /^kubernetes +IPv4 +\d+ +127\.0\.0\.1 /m);
      assert.match(await kubectl.ok(["get", "ep", "kubernetes"]), /^kubernetes +127\.0\.0\.1:\d+ /m);
      assert.equal(
        (await kubectl.run(["get", "svc", "nothing"])).stderr,
        'Error from server (NotFound): services "nothing" not found\n',
      );
    });

    test("describe", TIMEOUT, async () => {
      const text = await kubectl.ok(["describe", "svc", "web"]);
      for (const line of [
        /^Name: +web$/m,
        /^Selector: +app=web$/m,
        /^IP: +10\.96\./m,
        /^Port: +<unset> +80\/TCP$/m,
        /^TargetPort: +8080\/TCP$/m,
        /^Session Affinity: +None$/m,
      ])
        assert.match(text, line);
      assert.match(await kubectl.ok(["describe", "ns", "default"]), /^Status: +Active$/m);
    });

    test("label, annotate, patch in three forms", TIMEOUT, async () => {
      assert.equal(await kubectl.ok(["label", "svc", "web", "a=b"]), "service/web labeled\n");
      assert.match(await kubectl.ok(["label", "svc", "web", "a-"]), /^service\/web (un)?labeled$/m);
      // kubectl 1.27 left the last letter away.
      assert.match(await kubectl.ok(["annotate", "svc", "web", "note=x"]), /^service\/web annotated?$/m);
      const patch = async (type: string, text: string): Promise<string> => {
        assert.equal(
          await kubectl.ok(["patch", "svc", "web", "--type", type, "-p", text]),
          "service/web patched\n",
        );
        return kubectl.ok(["get", "svc", "web", "-o", "jsonpath={.spec.ports[*].port}"]);
      };
      assert.equal(
        await patch("strategic", '{"spec":{"ports":[{"port":80,"name":"http"},{"port":90,"name":"more"}]}}'),
        "90 80".split(" ").sort().join(" "),
      );
      assert.equal(await patch("json", '[{"op":"remove","path":"/spec/ports/1"}]'), "80");
      assert.equal(await patch("merge", '{"spec":{"ports":[{"port":70}]}}'), "70");
      assert.equal(
        await kubectl.ok(["patch", "svc", "web", "-p", '{"spec":{"ports":[{"port":70}]}}']),
        "service/web patched (no change)\n",
      );
    });

    test("edit", TIMEOUT, async () => {
      const editor = join(api.directory, `editor-${version.version}`);
      await writeFile(editor, '#!/bin/sh\nsed -i "s/port: 70$/port: 71/" "$1"\n');
      await chmod(editor, 0o755);
      assert.equal(
        await kubectl.ok(["edit", "svc", "web"], { env: { KUBE_EDITOR: editor } }),
        "service/web edited\n",
      );
      assert.equal(await kubectl.ok(["get", "svc", "web", "-o", "jsonpath={.spec.ports[*].port}"]), "71");
    });

    test("create, replace, dry runs and diff", TIMEOUT, async () => {
      assert.equal(await kubectl.ok(["create", "ns", "shop"]), "namespace/shop created\n");
      assert.equal(
        await kubectl.ok(["create", "service", "clusterip", "cart", "-n", "shop", "--tcp=80:8080"]),
        "service/cart created\n",
      );
      assert.equal(
        await kubectl.ok(["create", "-n", "shop", "-f", "-"], { input: WEB }),
        "service/web created\n",
      );
      assert.equal(
        await kubectl.ok(["replace", "-n", "shop", "-f", "-"], { input: WEB }),
        "service/web replaced\n",
      );
      assert.equal(
        await kubectl.ok(["apply", "--dry-run=server", "-f", "-"], { input: WEB.replace("web", "dry") }),
        "service/dry created (server dry run)\n",
      );
      assert.equal((await kubectl.run(["get", "svc", "dry"])).code, 1);
      assert.match(
        (await kubectl.run(["create", "-n", "shop", "-f", "-"], { input: WEB })).stderr,
        /Error from server \(AlreadyExists\): error when creating "STDIN": services "web" already exists/,
      );
      const diff = await kubectl.run(["diff", "-n", "shop", "-f", "-"], {
        input: WEB.replace("app: web", "app: other"),
      });
      assert.equal(diff.code, 1, diff.stderr);
      assert.match(diff.stdout, /^\+ +app: other$/m);
    });

    test("get -w shows changes as they come", TIMEOUT, async () => {
      const seen: string[] = [];
      for await (const line of kubectl.lines(["get", "svc", "-n", "shop", "-w", "--no-headers"])) {
        seen.push(line.split(/\s+/)[0]!);
        if (seen.length === 2)
          await kubectl.ok(["create", "service", "clusterip", "late", "-n", "shop", "--tcp=1"]);
        if (seen.length === 3) break;
      }
      assert.deepEqual(seen, ["cart", "web", "late"]);
    });

    test("wait, and delete that waits", TIMEOUT, async () => {
      // Since 1.23 it can wait for more than conditions, and Services have none.
      const wait = ["wait", "--for=jsonpath={.spec.type}=ClusterIP", "svc/web", "--timeout=10s"];
      if (Number(version.version.split(".")[1]) >= 23)
        assert.equal(await kubectl.ok(wait), "service/web condition met\n");
      assert.equal(await kubectl.ok(["delete", "svc", "web"]), 'service "web" deleted\n');
      assert.match(await kubectl.ok(["delete", "ns", "shop"]), /namespace "shop" deleted/);
      assert.equal(
        (await kubectl.run(["get", "ns", "shop"])).stderr,
        'Error from server (NotFound): namespaces "shop" not found\n',
      );
    });

    test("explain", TIMEOUT, async () => {
      const text = await kubectl.ok(["explain", "service.spec.clusterIP"]);
      assert.match(text, /clusterIP/);
      assert.match(await kubectl.ok(["explain", "svc"]), /KIND: +Service/);
    });

    test("events", TIMEOUT, async () => {
      const uid = await kubectl.ok(["get", "svc", "kubernetes", "-o", "jsonpath={.metadata.uid}"]);
      const event = {
        apiVersion: "v1",
        kind: "Event",
        metadata: { name: "e1", namespace: "default" },
        involvedObject: { kind: "Service", name: "kubernetes", namespace: "default", uid },
        reason: "Tested",
        message: "this is a test",
        type: "Normal",
        firstTimestamp: "2026-01-02T03:04:05Z",
        lastTimestamp: "2026-01-02T03:04:05Z",
        count: 1,
        reportingComponent: "kubectl.test",
        reportingInstance: "here",
      };
      await kubectl.ok(["create", "-f", "-"], { input: JSON.stringify(event) });
      assert.match(
        await kubectl.ok(["get", "events"]),
        /Normal +Tested +service\/kubernetes +this is a test/,
      );
      assert.match(await kubectl.ok(["describe", "svc", "kubernetes"]), /Tested/);
    });

    test("bad input is refused in Kubernetes' words, and nothing is allocated", TIMEOUT, async () => {
      const service = (spec: string, name = "bad"): string =>
        `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
      const before = api.store.revision;
      const table: [input: string, says: string | RegExp][] = [
        [
          service("{clusterIP: 100.1.1.3, ports: [{port: 80}]}"),
          /^The Service "bad" is invalid: spec\.clusterIPs: Invalid value: \["100\.1\.1\.3"\]: failed to allocate IP 100\.1\.1\.3: the provided network does not match the current range$/m,
        ],
        [
          service("{clusterIP: 10.96.0.1, ports: [{port: 80}]}"),
          /^The Service "bad" is invalid: spec\.clusterIPs: Invalid value: \["10\.96\.0\.1"\]: failed to allocate IP 10\.96\.0\.1: provided IP is already allocated$/m,
        ],
        [
          service("{selector: {'a b': x}, ports: [{port: 80}]}"),
          /^The Service "bad" is invalid: spec\.selector: Invalid value: "a b": name part must consist of alphanumeric characters/m,
        ],
        [
          service("{ports: [{port: 0}]}"),
          /spec\.ports\[0\]\.port: Invalid value: 0: must be between 1 and 65535, inclusive/,
        ],
        [
          service("{ports: [{port: 80}]}", "Bad_Name"),
          /^The Service "Bad_Name" is invalid: metadata\.name: Invalid value: "Bad_Name": a DNS-1035 label must consist of/m,
        ],
        [service("{ports: []}"), /^The Service "bad" is invalid: spec\.ports: Required value$/m],
        [service("{ports: [{port: 80}], colour: red}"), /unknown field "(spec\.)?colour"/],
      ];
      for (const [input, says] of table) {
        const { code, stderr } = await kubectl.run(["create", "-f", "-"], { input });
        assert.equal(code, 1, input);
        assert.match(stderr, new RegExp(says), input);
      }
      assert.equal(api.store.revision, before, "nothing was written");
      assert.deepEqual(api.faults, []);
    });
  });
}
