/**
 * Events through both of their APIs, Ingresses, their classes and Leases with the real kubectl; and an election between
 * two of @kubernetes/client-node's clients. Needs no root.
 */
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { ApiException, CoordinationV1Api, KubeConfig, type V1Lease } from "@kubernetes/client-node";
import { type ApiFixture, startApi } from "./api-fixture.ts";
import { findKubectls, type Kubectl, kubectlFor } from "./kubectl-fixture.ts";

/** A kubectl that waits for something that never comes fails its test. */
const TIMEOUT = { timeout: 30_000 };

/** The minor version that brought `kubectl events`. */
const FIRST_WITH_EVENTS = 26;

const minor = (version: string): number => Number(version.split(".")[1]);

/** The kubectls of these tests: the oldest, the first with `kubectl events`, and the newest. */
const versions = findKubectls().filter(
  ({ version }, i, all) => i === 0 || i === all.length - 1 || version === "1.27",
);
if (versions.length === 0 && process.env["CI"] === "true")
  throw new Error("there is no kubectl: install kubernetes-client, or the Google Cloud SDK's kubectl");
if (versions.length === 0) test("kubectl", { skip: "no kubectl on this machine" }, () => {});

/** As people write it by hand: without the fields that Go always writes. */
const OLD_EVENT = `apiVersion: v1
kind: Event
metadata: {name: web.1, namespace: default}
involvedObject: {apiVersion: v1, kind: Service, name: web, namespace: default}
reason: Allocated
message: it has an address
type: Normal
source: {component: allocator, host: n1}
firstTimestamp: "2026-01-02T03:04:05Z"
lastTimestamp: "2026-01-02T03:05:05Z"
count: 3
`;

const NEW_EVENT = `apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: web.2, namespace: default}
regarding: {apiVersion: v1, kind: Service, name: web, namespace: default}
eventTime: "2026-01-02T03:06:05.000001Z"
reportingController: example.com/prober
reportingInstance: prober-1
action: Probing
reason: Unhealthy
note: it does not answer
type: Warning
`;

const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports: [{port: 80}]
`;

const INGRESS = `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata:
  name: main
  annotations: {ingressclass.kubernetes.io/is-default-class: "true"}
spec: {controller: example.com/ingress-controller}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  tls: [{hosts: [web.example.com], secretName: web-cert}]
  rules:
  - host: web.example.com
    http:
      paths:
      - {path: /shop, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
      - {path: /icons, pathType: Exact, backend: {resource: {apiGroup: k8s.example.com, kind: Bucket, name: icons}}}
`;

for (const version of versions) {
  suite(`kubectl ${version.version}`, { concurrency: false }, () => {
    let api: ApiFixture;
    let kubectl: Kubectl;
    const stack = new AsyncDisposableStack();
    const create = async (input: string): Promise<string> => kubectl.ok(["create", "-f", "-"], { input });
    after(async () => stack.disposeAsync());
    before(async () => {
      api = await startApi({ after: (undo) => stack.defer(undo) });
      kubectl = kubectlFor(version, api.kubeconfig, await mkdtemp(join(api.directory, "home-")));
      await create(SERVICE);
      // `kubectl describe` asks for the events of just this object.
      const uid = await kubectl.ok(["get", "service", "web", "-o", "jsonpath={.metadata.uid}"]);
      for (const event of [OLD_EVENT, NEW_EVENT])
        await create(event.replace("name: web,", `name: web, uid: ${uid},`));
    });

    test("events of both APIs are in one list, which both show", TIMEOUT, async () => {
      for (const resource of ["events", "events.v1.", "events.v1.events.k8s.io", "ev"]) {
        const lines = (await kubectl.ok(["get", resource, "--sort-by=.metadata.name"])).trim().split("\n");
        assert.match(lines[0]!, /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE$/, resource);
        assert.match(lines[1]!, /Normal +Allocated +service\/web +it has an address$/, resource);
        assert.match(lines[2]!, /Warning +Unhealthy +service\/web +it does not answer$/, resource);
        assert.equal(lines.length, 3);
      }
      const wide = await kubectl.ok(["get", "events.v1.events.k8s.io", "web.1", "-o", "wide"]);
      assert.match(wide, /allocator, n1 +it has an address +\S+ +3 +web\.1$/m);
    });

    test("each API has its own names of fields, in output and in selectors", TIMEOUT, async () => {
      const field = async (resource: string, path: string): Promise<string> =>
        kubectl.ok(["get", resource, "web.2", "-o", `jsonpath={${path}}`]);
      assert.equal(await field("events.v1.events.k8s.io", ".note"), "it does not answer");
      assert.equal(await field("events.v1.", ".message"), "it does not answer");
      assert.equal(await field("events.v1.", ".reportingComponent"), "example.com/prober");
      assert.equal(await field("events.v1.", ".eventTime"), "2026-01-02T03:06:05.000001Z");
      const named = async (resource: string, selector: string): Promise<string> =>
        kubectl.ok(["get", resource, "-o", "name", "--field-selector", selector]);
      assert.equal(await named("events.v1.", "involvedObject.name=web,type=Warning"), "event/web.2\n");
      assert.equal(
        await named("events.v1.events.k8s.io", "regarding.name=web,reason!=Unhealthy"),
        "event.events.k8s.io/web.1\n",
      );
      const { stderr } = await kubectl.run(["get", "ev", "--field-selector", "note=x"]);
      assert.match(stderr, /field label not supported: note/);
    });

    test("describe shows the events of an object, and an event", TIMEOUT, async () => {
      const described = await kubectl.ok(["describe", "service", "web"]);
      assert.match(described, /Normal +Allocated +\S+ \(x3 over \S+\) +allocator +it has an address/);
      assert.match(described, /Warning +Unhealthy +\S+ +example\.com\/prober +it does not answer/);
      assert.match(await kubectl.ok(["describe", "events.v1.", "web.1"]), /Message: +it has an address/);
      assert.match(
        await kubectl.ok(["describe", "events.v1.events.k8s.io", "web.1"]),
        /Note: +it has an address/,
      );
    });

    if (minor(version.version) >= FIRST_WITH_EVENTS)
      test("kubectl events", TIMEOUT, async () => {
        const lines = (await kubectl.ok(["events", "--for", "service/web", "--no-headers"]))
          .trim()
          .split("\n");
        assert.match(lines[0]!, /\(x3 over \S+\) +Normal +Allocated +Service\/web +it has an address/);
        assert.match(lines[1]!, /Warning +Unhealthy +Service\/web +it does not answer/);
        assert.match(await kubectl.ok(["events", "--types=Warning"]), /Unhealthy/);
      });

    test("a watch of one API sees what the other one writes", TIMEOUT, async () => {
      const watch = kubectl.lines([
        "get",
        "events.v1.events.k8s.io",
        "-w",
        "-o",
        "jsonpath={.metadata.name} {.deprecatedCount}{'\\n'}",
      ]);
      const seen: string[] = [];
      for await (const line of watch) {
        seen.push(line);
        if (seen.length === 2) await kubectl.ok(["patch", "events.v1.", "web.1", "-p", '{"count": 4}']);
        if (seen.length === 3) break;
      }
      assert.deepEqual(seen, ["web.1 3", "web.2 ", "web.1 4"]);
      const patch = ["patch", "events.v1.events.k8s.io", "web.2", "--type=merge", "-p", '{"note": "other"}'];
      assert.match((await kubectl.run(patch)).stderr, /message: Invalid value: "other": field is immutable/);
      await kubectl.ok(["delete", "events.v1.events.k8s.io", "web.1"]);
      assert.match((await kubectl.run(["get", "events.v1.", "web.1"])).stderr, /NotFound/);
    });

    test("an Ingress gets the default class, and is shown and described", TIMEOUT, async () => {
      await kubectl.ok(["apply", "-f", "-"], { input: INGRESS });
      const status = '{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.7"}]}}}';
      const path = "/apis/networking.k8s.io/v1/namespaces/default/ingresses/web/status";
      const headers = { "content-type": "application/merge-patch+json" };
      assert.equal((await api.call(path, { method: "PATCH", body: status, headers })).status, 200);
      assert.match(
        await kubectl.ok(["get", "ing"]),
        /^web +main +web\.example\.com +203\.0\.113\.7 +80, 443 /m,
      );
      assert.match(
        await kubectl.ok(["get", "ingressclass"]),
        /^main +example\.com\/ingress-controller +<none> /m,
      );
      const described = await kubectl.ok(["describe", "ingress", "web"]);
      assert.match(described, /web-cert terminates web\.example\.com/);
      assert.match(described, /\/shop +web:80/);
      assert.match(await kubectl.ok(["apply", "-f", "-"], { input: INGRESS }), /^ingress\S+ unchanged$/m);
      const wrong = INGRESS.replace("/shop", "shop");
      assert.match(
        (await kubectl.run(["apply", "-f", "-"], { input: wrong })).stderr,
        /spec\.rules\[0\]\.http\.paths\[0\]\.path: Invalid value: "shop": must be an absolute path/,
      );
      const made = await kubectl.run(["create", "ingress", "simple", "--rule=a.example.com/x*=web:80"]);
      assert.match(made.stdout, /simple created/);
      assert.equal(await kubectl.ok(["get", "ing", "simple", "-o", "jsonpath={..pathType}"]), "Prefix");
    });

    test("a Lease is made, shown and described", TIMEOUT, async () => {
      const lease = {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name: "leader" },
        spec: { holderIdentity: "a", leaseDurationSeconds: 15, renewTime: "2026-01-02T03:04:05.123456Z" },
      };
      await create(JSON.stringify(lease));
      assert.match(await kubectl.ok(["get", "leases"]), /^leader +a /m);
      assert.match(
        await kubectl.ok(["describe", "lease", "leader"]),
        /Renew Time: +2026-01-02T03:04:05\.123456Z/,
      );
    });
  });
}

/** What client-go's leaderelection does, by hand: client-node has none. Times are those of the test's own clock. */
class Candidate {
  readonly #api: CoordinationV1Api;
  readonly #name: string;
  readonly #duration: number;
  wins = 0;
  conflicts = 0;

  constructor(api: CoordinationV1Api, name: string, duration: number) {
    this.#api = api;
    this.#name = name;
    this.#duration = duration;
  }

  /** Takes or renews the lease if it may at `now`, in seconds. */
  async tryAt(now: number): Promise<boolean> {
    const where = { namespace: "default", name: "election" };
    const time = new Date(now * 1000) as never;
    try {
      let lease: V1Lease;
      try {
        lease = await this.#api.readNamespacedLease(where);
      } catch (error) {
        if (!(error instanceof ApiException) || error.code !== 404) throw error;
        const body = { metadata: { name: where.name }, spec: this.#spec(time, 0) };
        await this.#api.createNamespacedLease({ namespace: where.namespace, body });
        return this.#won();
      }
      const { holderIdentity, renewTime, leaseTransitions = 0 } = lease.spec ?? {};
      const held = now < Number(new Date(renewTime as never)) / 1000 + this.#duration;
      if (holderIdentity !== this.#name && held) return false;
      const transitions = holderIdentity === this.#name ? leaseTransitions : leaseTransitions + 1;
      lease.spec = this.#spec(time, transitions);
      await this.#api.replaceNamespacedLease({ ...where, body: lease });
      return this.#won();
    } catch (error) {
      // Somebody was faster: with the create, or between the read and the write.
      if (!(error instanceof ApiException) || error.code !== 409) throw error;
      this.conflicts++;
      return false;
    }
  }

  #spec(time: never, leaseTransitions: number): NonNullable<V1Lease["spec"]> {
    const leaseDurationSeconds = this.#duration;
    return { holderIdentity: this.#name, leaseDurationSeconds, renewTime: time, leaseTransitions };
  }

  #won(): true {
    this.wins++;
    return true;
  }
}

test("two clients compete for a Lease: at every moment at most one holds it", TIMEOUT, async (t) => {
  const api = await startApi({ after: (undo) => t.after(undo) });
  const config = new KubeConfig();
  config.loadFromFile(api.kubeconfig);
  const client = (): CoordinationV1Api => config.makeApiClient(CoordinationV1Api);
  const candidates = ["a", "b"].map((name) => new Candidate(client(), name, 10));
  const start = 1_767_323_045;
  // Every 11 seconds the lease has run out, so both try for it together and only one may get it.
  for (let round = 0; round < 20; round++) {
    const now = start + round * 11;
    const won = await Promise.all(candidates.map(async (candidate) => candidate.tryAt(now)));
    assert.equal(won.filter((one) => one).length, 1, `round ${round}: ${String(won)}`);
    const leader = won.indexOf(true);
    assert.equal(await candidates[leader]!.tryAt(now + 5), true, "the leader renews");
    assert.equal(await candidates[1 - leader]!.tryAt(now + 10), false, "the other one waits");
  }
  assert.ok(
    candidates.some(({ conflicts }) => conflicts > 0),
    "they never met",
  );
  const { spec } = await client().readNamespacedLease({ namespace: "default", name: "election" });
  assert.ok(spec!.leaseTransitions! < 20 * 2);
});
