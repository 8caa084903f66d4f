/** Networks, and Services whose addresses are of them, with the real kubectl. Needs no root. */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { type ApiFixture, startApi } from "./api-fixture.ts";
import { findKubectls, type Kubectl, kubectlFor } from "./kubectl-fixture.ts";

const TIMEOUT = { timeout: 60_000 };

const found = findKubectls();
if (found.length === 0 && process.env["CI"] === "true")
  throw new Error("there is no kubectl: install kubernetes-client, or the Google Cloud SDK's kubectl");
if (found.length === 0) test("kubectl with Networks", { skip: "no kubectl on this machine" }, () => {});

const network = (name: string, spec: string): string => `
apiVersion: fairlead.dev/v1
kind: Network
metadata: {name: ${name}}
spec: ${spec}
`;

const service = (name: string, on: string, more = ""): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, annotations: {fairlead.dev/network: ${on}}}
spec: {selector: {tier: web}, ports: [{port: 8080, targetPort: 80}]${more}}
`;

/** The columns of a table, without the spaces that fill them. */
function rows(table: string): string[] {
  return table
    .trim()
    .split("\n")
    .map((line) => line.replaceAll(/ {2,}/g, "|"));
}

// The oldest and the newest: in between nothing differs here.
for (const version of new Set([found[0]!, found.at(-1)!].filter(Boolean))) {
  suite(`Networks by kubectl ${version.version}`, { concurrency: false }, () => {
    let api: ApiFixture;
    let kubectl: Kubectl;
    const stack = new AsyncDisposableStack();
    after(async () => stack.disposeAsync());
    before(async () => {
      api = await startApi({ after: (undo) => stack.defer(undo) });
      kubectl = kubectlFor(version, api.kubeconfig, await mkdtemp(join(api.directory, "home-")));
    });

    const apply = async (input: string): Promise<string> => kubectl.ok(["apply", "-f", "-"], { input });
    const refused = async (args: readonly string[], input = ""): Promise<string> => {
      const { code, stderr } = await kubectl.run(args, { input });
      assert.equal(code, 1, stderr);
      return stderr.trim();
    };
    const addressOf = async (name: string): Promise<string> =>
      kubectl.ok(["get", "service", name, "-o", "jsonpath={.spec.clusterIP}"]);

    test("create, get, describe and explain", TIMEOUT, async () => {
      const input = network("contiv-srv-net", "{subnet: 100.1.1.0/24, ipv6Subnet: 'fd00:1::/64'}");
      const created = await kubectl.ok(["create", "-f", "-"], { input });
      assert.equal(created, "network.fairlead.dev/contiv-srv-net created\n");
      const [head, row] = rows(await kubectl.ok(["get", "networks"]));
      assert.equal(head, "NAME|SUBNET|GATEWAY|IPV6 SUBNET|TYPE|DOCKER NETWORK|READY|AGE");
      assert.match(
        row!,
        /^contiv-srv-net\|100\.1\.1\.0\/24\|100\.1\.1\.1\|fd00:1::\/64\|Data\|<none>\|<none>\|\d+s$/,
      );
      assert.match(
        await kubectl.ok(["get", "net", "-o", "wide"]),
        /100\.1\.1\.128\/25,fd00:1:0:0:8000::\/65/,
      );
      const described = await kubectl.ok(["describe", "network", "contiv-srv-net"]);
      assert.match(described, /Subnet: +100\.1\.1\.0\/24/);
      const explained = await kubectl.ok(["explain", "networks.spec.range"]);
      assert.match(explained, /first and the last address of the subnet/);
    });

    test("a Service gets the lowest free address of the Network that it names", TIMEOUT, async () => {
      await apply(service("app-svc", "contiv-srv-net"));
      assert.equal(await addressOf("app-svc"), "100.1.1.3");
      await apply(service("dual", "contiv-srv-net", ", ipFamilyPolicy: RequireDualStack"));
      const both = await kubectl.ok(["get", "service", "dual", "-o", "jsonpath={.spec.clusterIPs}"]);
      assert.equal(both.replaceAll(/[[\]" ]/g, "").replace("map:", ""), "100.1.1.4,fd00:1::3");
      await apply(service("chosen", "contiv-srv-net", ", clusterIP: 100.1.1.50"));
      assert.equal(await addressOf("chosen"), "100.1.1.50");
      const addresses = rows(await kubectl.ok(["get", "ipaddresses"])).map((row) =>
        row.split("|", 2).join(" "),
      );
      for (const line of ["100.1.1.3 services/default/app-svc", "fd00:1::3 services/default/dual"])
        assert.ok(addresses.includes(line), addresses.join("\n"));
    });

    test("what cannot be had is refused with field, value and reason", TIMEOUT, async () => {
      const create = ["create", "-f", "-"];
      assert.equal(
        await refused(create, service("x", "contiv-srv-net", ", clusterIP: 100.1.1.50")),
        'The Service "x" is invalid: spec.clusterIPs: Invalid value: ["100.1.1.50"]: failed to allocate IP 100.1.1.50: provided IP is already allocated',
      );
      assert.equal(
        await refused(create, service("x", "nowhere")),
        'The Service "x" is invalid: metadata.annotations[fairlead.dev/network]: Invalid value: "nowhere": Network nowhere not found in namespace default',
      );
      assert.equal(
        await refused(create, network("late", "{subnet: 100.1.1.128/25}")),
        'The Network "late" is invalid: spec.subnet: Invalid value: "100.1.1.128/25": network late conflicts with subnet 100.1.1.0/24 of network default/contiv-srv-net',
      );
      assert.equal(
        await refused(create, network("late", "{subnet: 100.0.0.0/7}")),
        'The Network "late" is invalid: spec.subnet: Invalid value: "100.0.0.0/7": subnet length 7 not supported: it may be 8 to 32',
      );
      assert.equal(
        await refused([
          "patch",
          "network",
          "contiv-srv-net",
          "--type=merge",
          "-p",
          '{"spec":{"subnet":"9.9.9.0/24"}}',
        ]),
        'The Network "contiv-srv-net" is invalid: spec.subnet: Invalid value: "9.9.9.0/24": field is immutable: Cant change network parameters after its created',
      );
      await apply(network("tiny", "{subnet: 100.1.2.0/30, type: Infra}"));
      for (const name of ["t1", "t2"]) await apply(service(name, "tiny"));
      assert.match(
        await refused(create, service("t3", "tiny")),
        /: auto allocation failed - address exhaustion in subnet 100\.1\.2\.0\/30$/,
      );
    });

    test("annotate moves a Service to another Network", TIMEOUT, async () => {
      await apply(network("other", "{subnet: 100.1.3.0/24, type: Infra}"));
      await kubectl.ok(["annotate", "service", "chosen", "fairlead.dev/network=other", "--overwrite"]);
      assert.equal(await addressOf("chosen"), "100.1.3.1");
      // And so does the file that made it, with another name in it.
      await apply(service("app-svc", "other"));
      assert.equal(await addressOf("app-svc"), "100.1.3.2");
      const { code } = await kubectl.run(["get", "ipaddress", "100.1.1.50"]);
      assert.equal(code, 1, "the old address was given back");
    });

    test("a Network in use is not deleted, and one that is not is", TIMEOUT, async () => {
      assert.equal(
        await refused(["delete", "network", "other"]),
        'Error from server (Conflict): Operation cannot be fulfilled on networks.fairlead.dev "other": cannot delete other has 2 services (app-svc, chosen)',
      );
      await kubectl.ok(["delete", "service", "--all"]);
      await kubectl.ok(["delete", "networks", "--all", "--timeout=20s"]);
      assert.equal(await kubectl.ok(["get", "networks", "-o", "name"]), "");
    });

    test("a namespace goes with its Services and Networks", TIMEOUT, async () => {
      await kubectl.ok(["create", "namespace", "blue"]);
      await kubectl.ok(["apply", "-n", "blue", "-f", "-"], {
        input: network("web", "{subnet: 100.1.1.0/24}"),
      });
      await kubectl.ok(["apply", "-n", "blue", "-f", "-"], { input: service("a", "web") });
      await kubectl.ok(["delete", "namespace", "blue", "--timeout=20s"]);
      await apply(network("web", "{subnet: 100.1.1.0/24}"));
      assert.deepEqual(api.faults, []);
    });
  });
}
