/** Debian's DNS programs against our server: dig asks it, unbound resolves through it, dnsperf hurries it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freeUdpPort } from "../src/dataplane/userspace/loopback-peers.ts";
import type { ServerAddress } from "../src/dns/resolv-conf.ts";
import { service } from "../src/dns/zone-fixture.ts";
import {
  type Daemon,
  dig,
  digStatus,
  dnsDaemon,
  dnsLab,
  dnsperf,
  needsPrograms,
  unboundConfig,
} from "./lab/dns.ts";

const WEB = "web.default.svc.cluster.local";
const DB = "db.default.svc.cluster.local";

test("dig reads every kind of answer", { skip: needsPrograms("dig") }, async () => {
  await using lab = await dnsLab();
  const { dig } = lab;
  const record = ["+noall", "+answer"];
  assert.deepEqual(await dig(...record, WEB), [`${WEB}. 5 IN A 10.96.0.20`]);
  assert.deepEqual(await dig(...record, WEB, "AAAA"), [`${WEB}. 5 IN AAAA fd00:96::14`]);
  assert.deepEqual(await dig(...record, `_http._tcp.${WEB}`, "SRV"), [
    `_http._tcp.${WEB}. 5 IN SRV 0 100 80 ${WEB}.`,
  ]);
  assert.deepEqual(await dig(...record, "-x", "10.96.0.20"), [`20.0.96.10.in-addr.arpa. 5 IN PTR ${WEB}.`]);
  assert.deepEqual(await dig("+short", "-x", "10.244.0.7"), [`db-7.${DB}.`]);
  assert.deepEqual(await dig("+short", "-x", "fd00:96::14"), [`${WEB}.`]);
  assert.deepEqual(await dig("+short", `alias.default.svc.cluster.local`), [`${WEB}.`, "10.96.0.20"]);
  assert.deepEqual(await dig("+short", "dns-version.cluster.local", "TXT"), ['"1.1.0"']);
  assert.deepEqual(await dig("+short", "cluster.local", "NS"), ["kube-dns.kube-system.svc.cluster.local."]);
  // dig itself goes over to TCP when an answer is cut off.
  assert.equal((await dig("+short", DB)).length, 100);
  assert.equal((await dig("+short", `_sql._tcp.${DB}`, "SRV")).length, 100);
  assert.ok((await dig("+short", "+ignore", "+noedns", DB)).length < 31);
  for (const way of [
    ["+tcp"],
    ["+noedns"],
    ["+bufsize=512"],
    ["+dnssec"],
    ["+nsid"],
    ["+cookie"],
    ["+padding=468", "+tcp"],
  ])
    assert.deepEqual(await dig("+short", ...way, WEB), ["10.96.0.20"], way.join(" "));
});

test("dig sees the status and the flags that it should", { skip: needsPrograms("dig") }, async () => {
  await using lab = await dnsLab();
  const at = { address: "127.0.0.1", port: lab.server.port };
  const table: readonly (readonly [words: string, status: string])[] = [
    [WEB, "NOERROR qr aa rd ra"],
    [`${WEB} MX`, "NOERROR qr aa rd ra"],
    ["nobody.default.svc.cluster.local", "NXDOMAIN qr aa rd ra"],
    [`+norecurse ${WEB}`, "NOERROR qr aa ra"],
    [`+ignore +noedns ${DB}`, "NOERROR qr aa tc rd ra"],
    [`+edns=1 +noednsneg ${WEB}`, "BADVERS qr rd ra"],
    ["version.bind CH TXT", "REFUSED qr rd ra"],
    [`+opcode=notify ${WEB}`, "NOTIMP qr rd ra"],
    [`${WEB} ANY`, "NOERROR qr aa rd ra"],
    ["www.example.com", "SERVFAIL qr rd ra"],
  ];
  for (const [words, status] of table)
    assert.equal((await digStatus(at, ...words.split(" "))).trim(), status, words);
});

/** unbound, with the cluster's zones forwarded to or stubbed at `ours`. */
async function unbound(
  ours: ServerAddress,
  kind: "forward" | "stub",
  options: readonly string[],
): Promise<Daemon> {
  const at = { address: "127.0.0.1", port: await freeUdpPort("127.0.0.1") };
  const zones = ["cluster.local.", "10.in-addr.arpa.", "d.f.ip6.arpa."];
  const text = unboundConfig(
    at.port,
    [
      "access-control: 127.0.0.0/8 allow",
      "do-not-query-localhost: no",
      'module-config: "iterator"',
      `qname-minimisation: ${kind === "stub" ? "yes" : "no"}`,
      'local-zone: "10.in-addr.arpa." nodefault',
      'local-zone: "d.f.ip6.arpa." nodefault',
      ...options,
    ],
    zones.map(
      (zone) =>
        `${kind}-zone:\n  name: "${zone}"\n  ${kind}-addr: ${ours.address}@${ours.port}\n  ${kind}-no-cache: yes`,
    ),
  );
  return dnsDaemon("unbound", ["-d", "-c", "unbound.conf"], at, { "unbound.conf": text }, "cluster.local");
}

for (const [what, kind, options] of [
  ["forwards", "forward", []],
  [
    "has a stub zone, with minimised names and 0x20",
    "stub",
    ["use-caps-for-id: yes", "harden-below-nxdomain: yes"],
  ],
  ["asks over TCP only", "forward", ["tcp-upstream: yes"]],
  ["offers small messages", "forward", ["edns-buffer-size: 512"]],
] as const)
  test(`unbound ${what}: its clients get our names`, { skip: needsPrograms("dig", "unbound") }, async () => {
    await using lab = await dnsLab();
    await using resolver = await unbound({ address: "127.0.0.1", port: lab.server.port }, kind, options);
    const short = async (...words: string[]): Promise<string[]> => dig(resolver.at, "+short", ...words);
    assert.deepEqual(await short(WEB), ["10.96.0.20"]);
    assert.deepEqual(await short(WEB, "AAAA"), ["fd00:96::14"]);
    assert.deepEqual(await short(`_http._tcp.${WEB}`, "SRV"), [`0 100 80 ${WEB}.`]);
    assert.deepEqual(await short("-x", "10.96.0.20"), [`${WEB}.`]);
    assert.deepEqual(await short("-x", "fd00:96::14"), [`${WEB}.`]);
    assert.deepEqual(await short("alias.default.svc.cluster.local"), [`${WEB}.`, "10.96.0.20"]);
    assert.equal((await short(DB)).length, 100);
    const status = async (...words: string[]): Promise<string> =>
      (await digStatus(resolver.at, ...words)).trim();
    assert.equal(await status("nobody.default.svc.cluster.local"), "NXDOMAIN qr rd ra");
    assert.equal(await status("default.svc.cluster.local"), "NOERROR qr rd ra");
    // A change shows as soon as the TTL is over, for a resolver that keeps nothing: at once.
    lab.zone.names.setService(service("default/new", ["10.96.0.99"]));
    assert.deepEqual(await short("new.default.svc.cluster.local"), ["10.96.0.99"]);
  });

test(
  "names outside come through unbound, with its own cache between",
  { skip: needsPrograms("dig", "unbound") },
  async () => {
    const at = { address: "127.0.0.1", port: await freeUdpPort("127.0.0.1") };
    const text = unboundConfig(at.port, [
      'module-config: "iterator"',
      'local-zone: "example.com." static',
      'local-data: "www.example.com. 300 IN A 192.0.2.7"',
      'local-data: "example.com. 300 IN SOA ns.example.com. root.example.com. 1 2 3 4 60"',
      ...Array.from({ length: 80 }, (_, i) => `local-data: "big.example.com. 300 IN A 192.0.2.${i}"`),
    ]);
    await using _upstream = await dnsDaemon(
      "unbound",
      ["-d", "-c", "unbound.conf"],
      at,
      { "unbound.conf": text },
      "www.example.com",
    );
    await using lab = await dnsLab([at]);
    lab.zone.names.setService(
      service("default/out", [], [], { type: "ExternalName", externalName: "www.example.com" }),
    );
    assert.deepEqual(await lab.dig("+short", "www.example.com"), ["192.0.2.7"]);
    assert.deepEqual(await lab.dig("+short", "out.default.svc.cluster.local"), [
      "www.example.com.",
      "192.0.2.7",
    ]);
    assert.equal((await lab.dig("+short", "big.example.com")).length, 80);
    const ours = { address: "127.0.0.1", port: lab.server.port };
    assert.equal((await digStatus(ours, "none.example.com")).trim(), "NXDOMAIN qr rd ra");
    assert.equal((await digStatus(ours, "none.example.com")).trim(), "NXDOMAIN qr rd ra");
  },
);

test(
  "dnsperf gets an answer to each of its questions, over UDP and TCP",
  { skip: needsPrograms("dnsperf") },
  async () => {
    await using lab = await dnsLab();
    const at = { address: "127.0.0.1", port: lab.server.port };
    const lines = [
      `${WEB} A`,
      `${WEB} AAAA`,
      `_http._tcp.${WEB} SRV`,
      `${DB} A`,
      "nobody.default.svc.cluster.local A",
    ];
    for (const mode of ["udp", "tcp"]) {
      const { sent, completed, text } = await dnsperf(at, lines, [
        "-m",
        mode,
        "-n",
        "2000",
        "-c",
        "4",
        "-q",
        "50",
        "-e",
      ]);
      assert.equal(sent, 10_000, text);
      assert.equal(completed, sent, text);
      assert.match(text, /NOERROR 8000 \(80\.00%\), NXDOMAIN 2000/, text);
    }
  },
);
