/**
 * The Kubernetes DNS specification 1.1.0 as zone text: Services and slices in, questions and their answers out. The
 * first line of an answer is the rcode and the flags.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cidr } from "../base/ip.ts";
import { service, slice, type TestZone, testZone } from "./zone-fixture.ts";

const OK = "NOERROR AA RD RA";
const NO_SUCH_NAME = "NXDOMAIN AA RD RA";
const SOA =
  "authority: cluster.local. 5 IN SOA kube-dns.kube-system.svc.cluster.local. hostmaster.cluster.local. 0 7200 1800 86400 5";

/** Questions with the lines of their answers, but for NODATA and NXDOMAIN, which all have the zone's SOA. */
type Table = readonly (readonly [question: string, ...answer: string[]])[];

function check(zone: TestZone, table: Table): void {
  for (const [question, ...expected] of table) {
    const [status, ...records] = expected;
    const lines =
      status === "NODATA" ? [OK, SOA] : status === "NXDOMAIN" ? [NO_SUCH_NAME, SOA] : [OK, ...expected];
    const sorted = [...zone.ask(question)].sort();
    assert.deepEqual(sorted, [...lines].sort(), `${question} (${records.length})`);
  }
}

/** The reverse name of an address whose last and first digits are these, with zeros between them. */
function ip6(last: string, first: string): string {
  const zeros = "0.".repeat(32 - last.split(".").length - first.split(".").length);
  return `${`${first}.${zeros}${last}`.split(".").reverse().join(".")}.ip6.arpa.`;
}

test("a Service with a cluster IP: A, AAAA, SRV of named ports, PTR", () => {
  const zone = testZone({ reverseRanges: [cidr("10.96.0.0/16"), cidr("fd00:96::/112")] });
  zone.names.setService(
    service("default/web", ["10.96.0.20", "fd00:96::14"], ["http 80/TCP", "dns 53/UDP", "sig 132/SCTP"]),
  );
  zone.names.setService(service("default/plain", ["10.96.0.21"], ["80/TCP"]));
  zone.names.setSlice(slice("default/web", "a", ["10.244.0.5"], ["http 8080/TCP"]));
  const web = "web.default.svc.cluster.local.";
  const glue = [`additional: ${web} 5 IN A 10.96.0.20`, `additional: ${web} 5 IN AAAA fd00:96::14`];
  check(zone, [
    [`${web} A`, `${web} 5 IN A 10.96.0.20`],
    [`${web} AAAA`, `${web} 5 IN AAAA fd00:96::14`],
    [`_http._tcp.${web} SRV`, `_http._tcp.${web} 5 IN SRV 0 100 80 ${web}`, ...glue],
    [`_dns._udp.${web} SRV`, `_dns._udp.${web} 5 IN SRV 0 100 53 ${web}`, ...glue],
    [`_sig._sctp.${web} SRV`, `_sig._sctp.${web} 5 IN SRV 0 100 132 ${web}`, ...glue],
    ["20.0.96.10.in-addr.arpa. PTR", `20.0.96.10.in-addr.arpa. 5 IN PTR ${web}`],
    [`${ip6("0.0.1.4", "f.d.0.0.0.0.9.6")} PTR`, `${ip6("0.0.1.4", "f.d.0.0.0.0.9.6")} 5 IN PTR ${web}`],
    // Names that exist only because others below them do.
    [`_tcp.${web} A`, "NODATA"],
    [`_tcp.${web} SRV`, "NODATA"],
    [`${web} SRV`, "NODATA"],
    [`${web} MX`, "NODATA"],
    [`_http._tcp.${web} A`, "NODATA"],
    ["plain.default.svc.cluster.local. AAAA", "NODATA"],
    // A port without a name has no SRV record, and pods of a Service with an address no names.
    ["_tcp.plain.default.svc.cluster.local. SRV", "NXDOMAIN"],
    [`_http._udp.${web} SRV`, "NXDOMAIN"],
    [`10-244-0-5.${web} A`, "NXDOMAIN"],
    ["web.other.svc.cluster.local. A", "NXDOMAIN"],
  ]);
});

test("a headless Service: its ready endpoints, by hostname or dashed address", () => {
  const zone = testZone();
  zone.names.setService(service("default/db", ["None"], ["sql 5432/TCP"]));
  zone.names.setSlice(
    slice(
      "default/db",
      "a",
      [
        { addresses: ["10.244.0.5"], hostname: "db-0" },
        "10.244.0.6",
        { addresses: ["10.244.0.7"], conditions: { ready: false } },
      ],
      ["sql 5432/TCP"],
    ),
  );
  zone.names.setSlice(
    slice("default/db", "b", [{ addresses: ["fd00::5"], hostname: "db-0" }, "fd00::6"], ["sql 5432/TCP"]),
  );
  const db = "db.default.svc.cluster.local.";
  check(zone, [
    [`${db} A`, `${db} 5 IN A 10.244.0.5`, `${db} 5 IN A 10.244.0.6`],
    [`${db} AAAA`, `${db} 5 IN AAAA fd00::5`, `${db} 5 IN AAAA fd00::6`],
    [`db-0.${db} A`, `db-0.${db} 5 IN A 10.244.0.5`],
    [`db-0.${db} AAAA`, `db-0.${db} 5 IN AAAA fd00::5`],
    [`10-244-0-6.${db} A`, `10-244-0-6.${db} 5 IN A 10.244.0.6`],
    [`fd00--6.${db} AAAA`, `fd00--6.${db} 5 IN AAAA fd00::6`],
    [`10-244-0-7.${db} A`, "NXDOMAIN"],
    ["5.0.244.10.in-addr.arpa. PTR", `5.0.244.10.in-addr.arpa. 5 IN PTR db-0.${db}`],
    [`${ip6("0.0.0.6", "f.d.0.0")} PTR`, `${ip6("0.0.0.6", "f.d.0.0")} 5 IN PTR fd00--6.${db}`],
    [
      `_sql._tcp.${db} SRV`,
      `_sql._tcp.${db} 5 IN SRV 0 100 5432 db-0.${db}`,
      `_sql._tcp.${db} 5 IN SRV 0 100 5432 10-244-0-6.${db}`,
      `_sql._tcp.${db} 5 IN SRV 0 100 5432 fd00--6.${db}`,
      `additional: db-0.${db} 5 IN A 10.244.0.5`,
      `additional: db-0.${db} 5 IN AAAA fd00::5`,
      `additional: 10-244-0-6.${db} 5 IN A 10.244.0.6`,
      `additional: fd00--6.${db} 5 IN AAAA fd00::6`,
    ],
  ]);
});

test("a headless Service without ready endpoints does not exist, unless it publishes those that are not ready", () => {
  const zone = testZone();
  const endpoint = { addresses: ["10.244.0.5"], conditions: { ready: false } };
  const db = "db.default.svc.cluster.local.";
  zone.names.setService(service("default/db", ["None"], ["sql 5432/TCP"]));
  zone.names.setSlice(slice("default/db", "a", [endpoint], ["sql 5432/TCP"]));
  check(zone, [[`${db} A`, "NXDOMAIN"]]);
  zone.names.setService(
    service("default/db", ["None"], ["sql 5432/TCP"], { publishNotReadyAddresses: true }),
  );
  check(zone, [[`${db} A`, `${db} 5 IN A 10.244.0.5`]]);
});

test("an ExternalName is a CNAME; what it leads to inside is in the same answer", () => {
  const zone = testZone();
  const external = (at: string, target: string): void =>
    zone.names.setService(service(at, [], [], { type: "ExternalName", externalName: target }));
  zone.names.setService(service("default/web", ["10.96.0.20"]));
  external("default/inside", "web.default.svc.cluster.local");
  external("default/twice", "inside.default.svc.cluster.local");
  external("default/dangling", "gone.default.svc.cluster.local");
  external("default/outside", "www.example.com.");
  external("default/loop", "loop.default.svc.cluster.local");
  external("default/address", "192.0.2.7");
  const at = (label: string): string => `${label}.default.svc.cluster.local.`;
  const web = `${at("web")} 5 IN A 10.96.0.20`;
  check(zone, [
    [`${at("inside")} CNAME`, `${at("inside")} 5 IN CNAME ${at("web")}`],
    [`${at("inside")} A`, `${at("inside")} 5 IN CNAME ${at("web")}`, web],
    [`${at("inside")} AAAA`, `${at("inside")} 5 IN CNAME ${at("web")}`, SOA],
    [
      `${at("twice")} A`,
      `${at("twice")} 5 IN CNAME ${at("inside")}`,
      `${at("inside")} 5 IN CNAME ${at("web")}`,
      web,
    ],
    [`${at("outside")} CNAME`, `${at("outside")} 5 IN CNAME www.example.com.`],
    [`${at("address")} A`, "NXDOMAIN"],
  ]);
  assert.deepEqual(zone.ask(`${at("dangling")} A`), [
    NO_SUCH_NAME,
    `${at("dangling")} 5 IN CNAME ${at("gone")}`,
    SOA,
  ]);
  assert.deepEqual(zone.ask(`${at("loop")} A`).slice(0, 1), ["SERVFAIL AA RD RA"]);
  assert.deepEqual(zone.ask(`${at("outside")} A`), [`elsewhere "\\u0003www\\u0007example\\u0003com\\u0000"`]);
  // dig +norecurse: only what we know ourselves.
  assert.deepEqual(zone.ask({ text: `${at("outside")} A`, flags: 0 }), [
    "NOERROR AA RA",
    `${at("outside")} 5 IN CNAME www.example.com.`,
  ]);
});

test("the zone itself: SOA, NS with glue, dns-version; and names that exist without records", () => {
  const zone = testZone();
  zone.names.setService(service("kube-system/kube-dns", ["10.96.0.10"], ["dns 53/UDP", "dns-tcp 53/TCP"]));
  zone.names.addNamespace({ metadata: { name: "empty" } });
  const server = "kube-dns.kube-system.svc.cluster.local.";
  const glue = `additional: ${server} 5 IN A 10.96.0.10`;
  check(zone, [
    ["cluster.local. SOA", SOA.replace("authority: ", "")],
    ["cluster.local. NS", `cluster.local. 5 IN NS ${server}`, glue],
    ["96.10.in-addr.arpa. NS", `96.10.in-addr.arpa. 5 IN NS ${server}`, glue],
    ["dns-version.cluster.local. TXT", `dns-version.cluster.local. 28800 IN TXT "1.1.0"`],
    ["cluster.local. A", "NODATA"],
    ["svc.cluster.local. A", "NODATA"],
    ["pod.cluster.local. A", "NODATA"],
    ["empty.svc.cluster.local. A", "NODATA"],
    ["empty.pod.cluster.local. A", "NODATA"],
    ["none.svc.cluster.local. A", "NXDOMAIN"],
    ["x.cluster.local. A", "NXDOMAIN"],
  ]);
  zone.names.removeNamespace({ metadata: { name: "empty" } });
  check(zone, [["empty.svc.cluster.local. A", "NXDOMAIN"]]);
  const reverse = SOA.replace("cluster.local. 5", "96.10.in-addr.arpa. 5");
  assert.deepEqual(zone.ask("9.9.96.10.in-addr.arpa. PTR"), [NO_SUCH_NAME, reverse]);
  assert.deepEqual(zone.ask("0.96.10.in-addr.arpa. PTR"), [OK, reverse]);
  assert.deepEqual(zone.ask("9.9.97.10.in-addr.arpa. PTR"), [
    `elsewhere "\\u00019\\u00019\\u000297\\u000210\\u0007in-addr\\u0004arpa\\u0000"`,
  ]);
});

test("pods have names by their addresses while they are there", () => {
  const zone = testZone();
  const pod = {
    metadata: { namespace: "default", name: "p" },
    status: { phase: "Running" as const, podIPs: [{ ip: "10.244.0.7" }, { ip: "fd00::7" }] },
  };
  zone.names.setPod(pod);
  const at = "default.pod.cluster.local.";
  check(zone, [
    [`10-244-0-7.${at} A`, `10-244-0-7.${at} 5 IN A 10.244.0.7`],
    [`fd00--7.${at} AAAA`, `fd00--7.${at} 5 IN AAAA fd00::7`],
    [`10-244-0-8.${at} A`, "NXDOMAIN"],
    [`${at} A`, "NODATA"],
  ]);
  zone.names.setPod({ ...pod, status: { ...pod.status, phase: "Succeeded" } });
  check(zone, [[`10-244-0-7.${at} A`, "NXDOMAIN"]]);
});

test("answers follow changes: type, addresses, endpoints that move from slice to slice", () => {
  const zone = testZone();
  const web = "web.default.svc.cluster.local.";
  zone.names.setService(
    service("default/web", [], [], { type: "ExternalName", externalName: "foo.example.com" }),
  );
  check(zone, [[`${web} CNAME`, `${web} 5 IN CNAME foo.example.com.`]]);
  zone.names.setService(service("default/web", ["10.96.0.20"], ["http 80/TCP"]));
  check(zone, [
    [`${web} A`, `${web} 5 IN A 10.96.0.20`],
    [`${web} CNAME`, "NODATA"],
  ]);
  const size = zone.names.zone.size;
  const headless = service("default/db", ["None"]);
  const db = "db.default.svc.cluster.local.";
  // The slice before its Service: the order makes no difference.
  zone.names.setSlice(slice("default/db", "a", ["10.244.0.5"]));
  zone.names.setService(headless);
  zone.names.setSlice(slice("default/db", "b", ["10.244.0.5"]));
  zone.names.setSlice(slice("default/db", "a", []));
  check(zone, [[`${db} A`, `${db} 5 IN A 10.244.0.5`]]);
  zone.names.removeSlice(slice("default/db", "b", ["10.244.0.5"]));
  check(zone, [[`${db} A`, "NXDOMAIN"]]);
  zone.names.setSlice(slice("default/db", "c", ["10.244.0.9"]));
  zone.names.removeService(headless);
  check(zone, [[`${db} A`, "NXDOMAIN"]]);
  assert.equal(zone.names.zone.size, size);
});

test("letters come back as they were asked, and count for nothing", () => {
  const zone = testZone();
  zone.names.setService(service("default/web", ["10.96.0.20"]));
  const message = Buffer.from("00070100000100000000000003", "hex");
  const asked = Buffer.concat([
    message,
    Buffer.from("WeB\x07DeFaUlT\x03sVc\x07cLuStEr\x05LoCaL\0\0\x01\0\x01", "latin1"),
  ]);
  const out = Buffer.alloc(512);
  const length = zone.responder.respond(asked, asked.length, out, "udp", true);
  assert.equal(length, asked.length + 16);
  assert.equal(out.toString("latin1", 12, asked.length), asked.toString("latin1", 12));
});
