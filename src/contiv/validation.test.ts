import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContivError } from "./refusal.ts";
import { readNetwork, readService, readTenant } from "./validation.ts";

const SERVICE = { tenantName: "default", serviceName: "web" };
const NETWORK = { tenantName: "default", networkName: "net" };
const PORT = "Invalid Port maping . Port format is - Port:TargetPort:Protocol";

/** "field: message" of each problem. */
function problems(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ContivError)) throw error;
    assert.equal(error.code, 400);
    return error.problems.map(({ field = "-", message }) => `${field}: ${message}`);
  }
  return [];
}

test("what is wrong with a service is said of every port and selector, each in Contiv's words first", () => {
  const good = { selectors: ["tier=web"], ports: ["8080:80:TCP"] };
  const table: readonly (readonly [object, readonly string[]])[] = [
    [good, []],
    [{ ...good, ports: ["8080:80:tcp", "8080:80:Udp", "53:dns:UDP", "1:65535:TCP", "9:9:sctp"] }, []],
    [{ ...good, selectors: ["a=", "example.com/tier=web"] }, []],
    [{ ports: good.ports }, ["selectors: Invalid selector options: there is none"]],
    [{ ...good, selectors: [] }, ["selectors: Invalid selector options: there is none"]],
    [{ selectors: good.selectors }, [`ports: ${PORT}: there is none`]],
    [
      { ...good, selectors: ["tier", "=web", "a=b=c", "ok=yes"] },
      [
        "selectors[0]: Invalid selector tier. selector format is key1=value1",
        "selectors[1]: Invalid selector =web. selector format is key1=value1",
        "selectors[2]: Invalid selector a=b=c. selector format is key1=value1",
      ],
    ],
    [
      { ...good, selectors: ["tier=web", "tier=db"] },
      [
        'selectors[1]: Invalid selector tier=db. selector format is key1=value1: "tier" is asked to be "web" too, and no container has both',
      ],
    ],
    [
      { ...good, ports: ["8080:80:TCP", "8080:80", "99999:0:icmp", "080:-1:TCP"] },
      [
        `ports[1]: ${PORT}: "8080:80": it has 2 of the three parts`,
        `ports[2]: ${PORT}: "99999:0:icmp": Port "99999" is not a number from 1 to 65535`,
        `ports[2]: ${PORT}: "99999:0:icmp": TargetPort "0" is neither a number from 1 to 65535 nor the name of a port`,
        `ports[2]: ${PORT}: "99999:0:icmp": Protocol "icmp" is none of TCP, UDP, SCTP`,
        `ports[3]: ${PORT}: "080:-1:TCP": Port "080" is not a number from 1 to 65535`,
        `ports[3]: ${PORT}: "080:-1:TCP": TargetPort "-1" is neither a number from 1 to 65535 nor the name of a port`,
      ],
    ],
    [
      { ...good, ports: ["80:80:TCP", "80:81:tcp", "80:80:UDP"] },
      [`ports[1]: ${PORT}: "80:81:tcp": ports[0] has port 80/TCP already`],
    ],
    [{ ...good, ports: "80:80:TCP" }, ['ports: ports is not a list of texts: "80:80:TCP"']],
    [{ ...good, ports: [80] }, ["ports[0]: ports[0] is not a text: 80"]],
    [{ ...good, ipAddress: "10.1.1.256" }, ['ipAddress: ipAddress string invalid format: "10.1.1.256"']],
    [{ ...good, ipAddress: "" }, []],
    [{ ...good, networkName: "a..b" }, ['networkName: networkName string invalid format: "a..b"']],
    [
      { ...good, networkName: "n".repeat(65) },
      ["networkName: networkName string too long: 65 characters, at most 64 are allowed"],
    ],
    [
      { ...good, tenantName: "other", serviceName: "web" },
      ['tenantName: Invalid Key: the path says "default", tenantName is "other"'],
    ],
  ];
  for (const [body, expected] of table)
    assert.deepEqual(
      problems(() => readService(body, SERVICE)),
      expected,
      JSON.stringify(body),
    );
  assert.deepEqual(
    problems(() => readService(good, { tenantName: "", serviceName: "" })),
    ["serviceName: Invalid service name", "tenantName: Invalid tenant name"],
  );
  assert.match(
    problems(() => readService({ ...good, selectors: ["tier=a b"] }, SERVICE)).join(),
    /^selectors\[0\]: Invalid selector tier=a b\. selector format is key1=value1: value "a b": a valid label must be/,
  );
  assert.match(
    problems(() => readService({ ...good, balance: "best" }, SERVICE)).join(),
    /^balance: balance string invalid format: "best" is none of random, /,
  );
});

test("what is wrong with a network or a tenant is said, all of it", () => {
  const table: readonly (readonly [object, readonly string[]])[] = [
    [{ subnet: "10.1.1.0/24" }, []],
    [
      { subnet: "10.1.1.10-10.1.1.20/24", gateway: "10.1.1.254", nwType: "infra", encap: "vlan", pktTag: 7 },
      [],
    ],
    [{ ipv6Subnet: "fd00:1::/112", ipv6Gateway: "fd00:1::1" }, []],
    [{}, ["subnet: subnet is required: give one as 10.1.1.0/24, or an ipv6Subnet"]],
    [{ subnet: "10.1.1.0/7" }, ["subnet: subnet length 7 not supported: it may be 8 to 32"]],
    [{ subnet: "10.1.1.0/33" }, ['subnet: subnet string invalid format: "10.1.1.0/33"']],
    [
      { subnet: "10.1.1.5/24" },
      ['subnet: subnet string invalid format: "10.1.1.5/24" has bits set past the prefix'],
    ],
    [
      {
        subnet: "ten",
        gateway: "one",
        encap: "gre",
        nwType: "lan",
        pktTag: 16_777_217,
        cfgdTag: "x".repeat(129),
      },
      [
        'nwType: nwType string invalid format: "lan" is none of data, infra',
        'encap: encap string invalid format: "gre" is none of vlan, vxlan',
        "pktTag: pktTag Value Out of bound: 16777217 is not in 0..16777216",
        'subnet: subnet string invalid format: "ten"',
        'gateway: gateway string invalid format: "one"',
        "cfgdTag: cfgdTag string too long: 129 characters, at most 128 are allowed",
      ],
    ],
    [{ subnet: "10.1.1.0/24", pktTag: 1.5 }, ["pktTag: pktTag is not a whole number: 1.5"]],
    [{ ipv6Subnet: "fd00::1/64" }, ['ipv6Subnet: ipv6Subnet string invalid format: "fd00::1/64"']],
  ];
  for (const [body, expected] of table)
    assert.deepEqual(
      problems(() => readNetwork(body, NETWORK)),
      expected,
      JSON.stringify(body),
    );
  const long = "t".repeat(65);
  assert.deepEqual(
    problems(() => readTenant({ tenantName: long }, { tenantName: long })),
    ["tenantName: tenantName string too long: 65 characters, at most 64 are allowed"],
  );
  assert.deepEqual(
    problems(() => readTenant({}, { tenantName: "a_b" })),
    ['tenantName: tenantName string invalid format: "a_b"'],
  );
  assert.deepEqual(
    problems(() => readTenant([], { tenantName: "a" })),
    ["-: the body is not a JSON object: []"],
  );
});

test("any body is read or refused, and never breaks", () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.array(fc.oneof(fc.string(), fc.constantFrom("80:80:TCP", "a=b", "1:2", "x=y=z", ":::", "="))),
    fc.constantFrom("10.1.1.0/24", "10.1.1.1", "fd00::/64", "", null),
  );
  const fields = ["tenantName", "networkName", "serviceName", "subnet", "gateway", "ports", "selectors"];
  const more = [
    "ipAddress",
    "pktTag",
    "nwType",
    "encap",
    "balance",
    "ipv6Subnet",
    "ipv6Gateway",
    "__proto__",
  ];
  const body = fc.oneof(fc.dictionary(fc.constantFrom(...fields, ...more), value), fc.jsonValue());
  fc.assert(
    fc.property(body, fc.string(), fc.string(), (given, tenantName, name) => {
      problems(() => readService(given, { tenantName, serviceName: name }));
      problems(() => readNetwork(given, { tenantName, networkName: name }));
      problems(() => readTenant(given, { tenantName }));
    }),
    { numRuns: 500 },
  );
});

test("a body of the size that is allowed is refused in few words, whatever is in it", () => {
  const names = { tenantName: "default", serviceName: "web" };
  for (const [body, words] of [
    [{ ports: Array.from({ length: 1_400_000 }, () => 0) }, /ports is too long: 1400000 items, at most 1000/],
    [{ selectors: Array.from({ length: 700_000 }, () => "") }, /selectors is too long/],
    [{ selectors: ["x".repeat(3_000_000)] }, /Invalid selector xxx/],
    [{ networkName: "x".repeat(3_000_000) }, /networkName string too long/],
  ] as const)
    assert.throws(
      () => readService({ selectors: ["a=b"], ports: ["1:1:TCP"], ...body }, names),
      (error) => error instanceof ContivError && words.test(error.message) && error.message.length < 2000,
    );
});
