import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../../api/api-error.ts";
import { ipAddressKind } from "../../api/ipaddress/kind.ts";
import { serviceKind } from "../../api/service/kind.ts";
import type { Service, ServiceSpec } from "../../api/service/type.ts";
import { ALICE, type Fixture, refusal, service, startRegistry } from "./registry-fixture.ts";

const DUAL = { serviceCidrs: ["10.96.0.0/24", "fd00:10::/112"] };

async function create({ registry }: Fixture, name: string, spec: ServiceSpec = {}): Promise<Service> {
  return registry.create(serviceKind, "default", service(name, spec), {}, ALICE);
}

async function patch({ registry }: Fixture, name: string, spec: object): Promise<Service> {
  const key = { namespace: "default", name };
  return (await registry.patch(serviceKind, key, { type: "merge", patch: { spec } }, {}, ALICE)).object;
}

/** How many addresses and ports are taken. */
function taken({ ranges }: Fixture): string {
  const addresses = ranges.ipFamilies.map((family) => ranges.addresses.get(family)!.ledger.size).join("+");
  return `${addresses} addresses, ${ranges.nodePorts.ledger.size} ports`;
}

test("an address of a family that the installation does not have is refused", async (t) => {
  const fixture = await startRegistry(t);
  assert.equal(
    await refusal(create(fixture, "web", { clusterIP: "fd00::99" })),
    '422 Invalid: Service "web" is invalid: spec.clusterIPs[0]: Invalid value: ["fd00::99"]: IPv6 is not configured on this cluster',
  );
});

test("a hundred creators at once never get the same address", async (t) => {
  const fixture = await startRegistry(t);
  const services = await Promise.all(Array.from({ length: 100 }, async (_, i) => create(fixture, `s${i}`)));
  assert.equal(new Set(services.map(({ spec }) => spec!.clusterIP)).size, 100);
  assert.equal(taken(fixture), "100 addresses, 0 ports");
});

test("an address asked for is had, once", async (t) => {
  const fixture = await startRegistry(t);
  const web = await create(fixture, "web", { clusterIP: "10.96.0.3" });
  assert.deepEqual(web.spec!.clusterIPs, ["10.96.0.3"]);
  assert.equal(
    await refusal(create(fixture, "other", { clusterIP: "10.96.0.3" })),
    '422 Invalid: Service "other" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.3"]: failed to allocate IP 10.96.0.3: provided IP is already allocated',
  );
  assert.equal(
    await refusal(create(fixture, "other", { clusterIP: "10.97.0.3" })),
    '422 Invalid: Service "other" is invalid: spec.clusterIPs: Invalid value: ["10.97.0.3"]: failed to allocate IP 10.97.0.3: the provided network does not match the current range',
  );
  assert.equal(taken(fixture), "1 addresses, 0 ports");
});

test("an address is one address however it is written", async (t) => {
  const fixture = await startRegistry(t, DUAL);
  const web = await create(fixture, "web", { clusterIP: "010.096.0.03" });
  assert.deepEqual(web.spec!.clusterIPs, ["010.096.0.03"]);
  assert.deepEqual(web.spec!.ipFamilies, ["IPv4"]);
  const record = await fixture.registry.get(ipAddressKind, { name: "10.96.0.3" });
  assert.equal(record.spec!.parentRef!.name, "web");
  for (const text of ["10.96.0.3", "::ffff:10.96.0.3", "10.96.0.003"])
    assert.match(await refusal(create(fixture, "other", { clusterIP: text })), /is already allocated$/, text);
  assert.equal(taken(fixture), "1+0 addresses, 0 ports");
  await patch(fixture, "web", { type: "NodePort" });
  await fixture.registry.delete(serviceKind, { namespace: "default", name: "web" }, {}, ALICE);
  assert.equal(taken(fixture), "0+0 addresses, 0 ports");
  const six = await create(fixture, "six", { clusterIP: "FD00:10::0:7" });
  assert.deepEqual(six.spec!.ipFamilies, ["IPv6"]);
  assert.equal(
    (await fixture.registry.get(ipAddressKind, { name: "fd00:10::7" })).spec!.parentRef!.name,
    "six",
  );
});

test("whatever refuses a write, nothing stays taken", async (t) => {
  const fixture = await startRegistry(t, DUAL);
  await create(fixture, "web", {
    type: "NodePort",
    clusterIP: "10.96.0.9",
    ports: [{ port: 1, nodePort: 30100 }],
  });
  const before = taken(fixture);
  const table: [what: string, name: string, spec: ServiceSpec][] = [
    ["the name is taken", "web", {}],
    ["the name is invalid", "Web_", {}],
    ["a port is invalid", "a", { ports: [{ port: 0 }] }],
    [
      "the node port is taken",
      "a",
      { type: "NodePort", ports: [{ port: 1 }, { port: 2, name: "b", nodePort: 30100 }] },
    ],
    [
      "the second address is taken",
      "a",
      {
        ipFamilyPolicy: "RequireDualStack",
        clusterIP: "10.96.0.50",
        clusterIPs: ["10.96.0.50", "10.96.0.9"],
      },
    ],
    [
      "the second address is out of range",
      "a",
      {
        ipFamilyPolicy: "RequireDualStack",
        clusterIP: "10.96.0.50",
        clusterIPs: ["10.96.0.50", "fd00:99::1"],
      },
    ],
  ];
  for (const [what, name, spec] of table) {
    await assert.rejects(create(fixture, name, spec), ApiError, what);
    assert.equal(taken(fixture), before, what);
  }
});

test("a full range is the server's fault, and a deleted Service makes room", async (t) => {
  const fixture = await startRegistry(t, {
    serviceCidrs: ["10.96.0.0/29"],
    nodePorts: { first: 30000, last: 30001 },
  });
  for (let i = 0; i < 6; i++) await create(fixture, `s${i}`);
  assert.equal(
    await refusal(create(fixture, "more")),
    "500 InternalError: Internal error occurred: failed to allocate a serviceIP: range is full",
  );
  const { spec } = await fixture.registry.get(serviceKind, { namespace: "default", name: "s3" });
  await fixture.registry.delete(serviceKind, { namespace: "default", name: "s3" }, {}, ALICE);
  assert.equal((await create(fixture, "more")).spec!.clusterIP, spec!.clusterIP);
  await patch(fixture, "s0", { type: "NodePort" });
  await patch(fixture, "s1", { type: "NodePort" });
  assert.equal(
    await refusal(patch(fixture, "s2", { type: "NodePort" })),
    "500 InternalError: Internal error occurred: failed to allocate a nodePort: range is full",
  );
  assert.equal(taken(fixture), "6 addresses, 2 ports");
});

test("node ports: kept by the port's name, shared by two protocols, given back when no longer named", async (t) => {
  const fixture = await startRegistry(t);
  const dns = await create(fixture, "dns", {
    type: "NodePort",
    ports: [
      { name: "dns", port: 53, protocol: "UDP" },
      { name: "dns-tcp", port: 53, protocol: "TCP" },
      { name: "web", port: 80, nodePort: 30200 },
    ],
  });
  const [udp, tcp, web] = dns.spec!.ports!;
  assert.equal(udp!.nodePort, tcp!.nodePort);
  assert.equal(web!.nodePort, 30200);
  const ports = [
    { name: "web", port: 8080 },
    { name: "new", port: 9 },
  ];
  const changed = await patch(fixture, "dns", { ports });
  assert.equal(changed.spec!.ports![0]!.nodePort, 30200);
  assert.equal(taken(fixture), "1 addresses, 2 ports");
});

test("a change to ExternalName gives the address back, and the way back takes one again", async (t) => {
  const fixture = await startRegistry(t);
  await create(fixture, "web");
  const out = await patch(fixture, "web", { type: "ExternalName", externalName: "example.com" });
  assert.equal(out.spec!.clusterIP, undefined);
  assert.equal(taken(fixture), "0 addresses, 0 ports");
  const back = await patch(fixture, "web", { type: "ClusterIP", externalName: null });
  assert.match(back.spec!.clusterIP!, /^10\.96\.0\./);
  assert.equal(taken(fixture), "1 addresses, 0 ports");
});

test("the primary address may not change, and nothing is taken by trying", async (t) => {
  const fixture = await startRegistry(t);
  await create(fixture, "web", { clusterIP: "10.96.0.20" });
  assert.match(
    await refusal(patch(fixture, "web", { clusterIP: "10.96.0.21", clusterIPs: ["10.96.0.21"] })),
    /^422 Invalid: .*spec\.clusterIPs\[0\]: Invalid value: .*may not change once set/,
  );
  assert.equal(taken(fixture), "1 addresses, 0 ports");
});

test("headless Services take nothing", async (t) => {
  const fixture = await startRegistry(t);
  const web = await create(fixture, "web", { clusterIP: "None" });
  assert.deepEqual(web.spec!.clusterIPs, ["None"]);
  assert.deepEqual(web.spec!.ipFamilies, ["IPv4"]);
  const { selector: _none, ...open } = service("open", { clusterIP: "None" }).spec!;
  const anyone = await fixture.registry.create(
    serviceKind,
    "default",
    { metadata: { name: "open" }, spec: open },
    {},
    ALICE,
  );
  assert.equal(anyone.spec!.ipFamilyPolicy, "RequireDualStack");
  assert.deepEqual(anyone.spec!.ipFamilies, ["IPv4", "IPv6"]);
  assert.equal(taken(fixture), "0 addresses, 0 ports");
});

test("dual-stack: families and addresses follow the policy, up and down", async (t) => {
  const fixture = await startRegistry(t, DUAL);
  const single = await create(fixture, "single");
  assert.deepEqual([single.spec!.ipFamilyPolicy, single.spec!.ipFamilies], ["SingleStack", ["IPv4"]]);
  const prefer = await create(fixture, "prefer", { ipFamilyPolicy: "PreferDualStack", ipFamilies: ["IPv6"] });
  assert.deepEqual(prefer.spec!.ipFamilies, ["IPv6", "IPv4"]);
  assert.match(prefer.spec!.clusterIPs!.join(), /^fd00:10::[0-9a-f:]*,10\.96\.0\.\d+$/);
  assert.equal(prefer.spec!.clusterIP, prefer.spec!.clusterIPs![0]);
  const up = await patch(fixture, "single", { ipFamilyPolicy: "RequireDualStack" });
  assert.equal(up.spec!.clusterIPs!.length, 2);
  assert.equal(up.spec!.clusterIPs![0], single.spec!.clusterIP);
  assert.equal(taken(fixture), "2+2 addresses, 0 ports");
  const down = await patch(fixture, "single", { ipFamilyPolicy: "SingleStack" });
  assert.deepEqual(down.spec!.clusterIPs, [single.spec!.clusterIP]);
  assert.deepEqual(down.spec!.ipFamilies, ["IPv4"]);
  assert.equal(taken(fixture), "2+1 addresses, 0 ports");
  assert.match(
    await refusal(create(fixture, "x", { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4", "IPv6"] })),
    /spec\.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified/,
  );
});

test("a second address or family goes only with the policy SingleStack", async (t) => {
  const fixture = await startRegistry(t, DUAL);
  const { spec } = await create(fixture, "web", { ipFamilyPolicy: "RequireDualStack" });
  const release = (what: string): string =>
    `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary ${what}`;
  assert.equal(
    await refusal(patch(fixture, "web", { clusterIPs: [spec!.clusterIP!], ipFamilies: ["IPv4"] })),
    `422 Invalid: Service "web" is invalid: [${release("cluster IP")}, ${release("IP family")}]`,
  );
  assert.equal(taken(fixture), "1+1 addresses, 0 ports");
});

test("a single-stack installation says so", async (t) => {
  const fixture = await startRegistry(t);
  assert.match(
    await refusal(create(fixture, "x", { ipFamilyPolicy: "RequireDualStack" })),
    /^422 Invalid: .*spec\.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services/,
  );
  assert.match(
    await refusal(create(fixture, "x", { ipFamilies: ["IPv6"] })),
    /spec\.ipFamilies\[0\]: Invalid value: "IPv6": not configured on this cluster/,
  );
});

test("after a restart the same numbers are taken", async (t) => {
  const fixture = await startRegistry(t);
  await create(fixture, "web", { type: "NodePort" });
  const again = await startRegistry(t, { store: fixture.store });
  assert.equal(taken(again), "1 addresses, 1 ports");
  const { spec } = await again.registry.get(serviceKind, { namespace: "default", name: "web" });
  assert.match(
    await refusal(create(again, "x", { clusterIP: spec!.clusterIP! })),
    /provided IP is already allocated/,
  );
});
