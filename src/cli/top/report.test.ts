import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointSlice } from "../../api/endpointslice/type.ts";
import { ip, ipBytes } from "../../base/ip.ts";
import type { EndpointCounts, PortCounts } from "../../dataplane/connections/accounting.ts";
import { socketKey } from "../../net/conntrack/flow-reader.ts";
import { type ReportOptions, snapshot, topReport } from "./report.ts";
import { screenLines, topText } from "./text.ts";

function counts(address: string, more: Partial<EndpointCounts>): EndpointCounts {
  const endpoint = socketKey(ipBytes(ip(address)), "TCP", 80);
  return { endpoint, look: 1, active: 0, opening: 0, opened: 0, closed: 0, packets: 0, bytes: 0, ...more };
}

function port(service: string, endpoints: readonly EndpointCounts[]): PortCounts {
  const { endpoint: _, look: __, ...total } = counts("10.1.0.1", {});
  for (const each of endpoints)
    for (const key of ["active", "opening", "opened", "closed", "packets", "bytes"] as const)
      total[key] += each[key];
  return {
    service,
    portName: "",
    protocol: "TCP",
    total,
    endpoints: new Map(endpoints.map((each) => [each.endpoint, each])),
  };
}

const slice: EndpointSlice = {
  metadata: { namespace: "shop", labels: { "kubernetes.io/service-name": "web" } },
  addressType: "IPv4",
  endpoints: [
    { addresses: ["10.1.0.1"], targetRef: { kind: "Pod", name: "a" }, nodeName: "n1" },
    { addresses: ["10.1.0.2"], conditions: { ready: false, terminating: true } },
    { addresses: ["10.1.0.3"], conditions: { ready: false } },
  ],
  ports: [
    { name: "", port: 80 },
    { name: "other", port: 81 },
  ],
};

const options: ReportOptions = {
  ports: [
    port("shop/web", [
      counts("10.1.0.1", { active: 3, opening: 1, opened: 120, closed: 116, packets: 50, bytes: 24_000 }),
      counts("10.1.0.9", { active: 1 }),
      // Remembered by the kernel only.
      counts("10.1.0.8", {}),
    ]),
    port("shop/busy", [counts("10.1.1.1", { active: 1000, opened: 5 })]),
  ],
  before: snapshot([port("shop/web", [counts("10.1.0.1", { opened: 100, closed: 100 })])]),
  seconds: 2,
  conntrack: { entries: 1004, limit: 4096 },
  hasCounters: true,
  slicesOf: (service) => (service === "shop/web" ? [slice] : []),
  wanted: () => true,
};

test("endpoints are those of the slices and those that only connections know, with their rates", () => {
  const [web] = topReport(options).ports;
  assert.deepEqual(
    web!.endpoints.map(({ address, state, pod, node, active, openedPerSecond, closedPerSecond }) =>
      [address, state, pod, node, active, openedPerSecond, closedPerSecond].join(" "),
    ),
    [
      "10.1.0.1:80 ready a n1 3 10 8",
      "10.1.0.2:80 stopping   0 0 0",
      "10.1.0.3:80 not ready   0 0 0",
      "10.1.0.9:80 gone   1 0 0",
    ],
  );
  assert.equal(web!.bytesPerSecond, 12_000);
});

test("the table has the busiest first, and fits the screen", () => {
  const report = topReport(options);
  assert.equal(
    topText(report, { sort: "active", endpoints: true }),
    `2 Services: 1004 connections, 13 new/s, 8.0 closed/s over 2.0 s
conntrack: 1004 of 4096 entries (24.5 %)

SERVICE / ENDPOINT       STATE       ACTIVE   OPENING   NEW/s   CLOSED/s   BYTES/s   PACKETS/s
shop/busy TCP                        1000     0         2.5     0          0         0
  10.1.1.1:80            gone        1000     0         2.5     0          0         0
shop/web TCP                         4        1         10      8.0        12k       25
  10.1.0.1:80  a on n1   ready       3        1         10      8.0        12k       25
  10.1.0.9:80            gone        1        0         0       0          0         0
  10.1.0.2:80            stopping    0        0         0       0          0         0
  10.1.0.3:80            not ready   0        0         0       0          0         0
`,
  );
  const without = topText(
    topReport({ ...options, hasCounters: false, wanted: (_, service) => service === "web" }),
    { sort: "name", endpoints: false },
  );
  assert.match(without, /nf_conntrack_acct is 0\n\nSERVICE.*CLOSED\/s\nshop\/web TCP .*\n$/);
  const lines = screenLines(report, { sort: "new", endpoints: true }, 100, { columns: 40, rows: 8 });
  assert.equal(lines.length, 8);
  assert.match(lines[4]!, /10\.1\.0\.9|10\.1\.0\.2/, "scrolled no further than the end");
  assert.match(
    screenLines(undefined, { sort: "new", endpoints: true }, 0, { columns: 40, rows: 8 })[0]!,
    /looking/,
  );
});
