import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCidr } from "../../base/ip.ts";
import { UserError } from "../user-error.ts";
import { type AgentFlags, parseAgentOptions } from "./options.ts";

const flags: AgentFlags = {
  nodeName: "node-1",
  dataplane: "auto",
  containers: "none",
  healthzBindAddress: "127.0.0.1:10256",
  metricsBindAddress: "127.0.0.1:10249",
  logLevel: "info",
};

test("what is wrong with an option is said with its name and value", () => {
  const table: [Partial<AgentFlags>, RegExp][] = [
    [{ nodeName: "Node_1" }, /node name "Node_1" is not a DNS name/],
    [{ serviceCidr: "10.96.0.1/16" }, /--service-cidr "10.96.0.1\/16" is not a range/],
    [{ clusterCidr: "10.244.0.0/16,x" }, /--cluster-cidr "x" is not a range/],
    [{ podCidr: "x" }, /--pod-cidr "x" is not a range/],
    [{ nodeIp: "localhost" }, /--node-ip "localhost" must be one IP address/],
    [{ nodeIp: "192.0.2.1,192.0.2.2" }, /one IPv4 and one IPv6 address/],
    [{ zone: "a b" }, /--zone "a b" is no label value/],
    [{ dnsIp: "dns" }, /--dns-ip "dns" is not an IP address/],
    [{ healthzBindAddress: "10256" }, /--healthz-bind-address "10256" is not an address and port/],
    [
      { metricsBindAddress: "node:10249" },
      /--metrics-bind-address "node:10249": "node" is not an IP address/,
    ],
  ];
  for (const [change, message] of table)
    assert.throws(
      () => parseAgentOptions({ ...flags, ...change }),
      (error) => error instanceof UserError && message.test(error.message),
      JSON.stringify(change),
    );
});

test("ranges, addresses and listeners are read", () => {
  const options = parseAgentOptions({
    ...flags,
    clusterCidr: "10.244.0.0/16, fd00:244::/56",
    nodeIp: "192.0.2.1,2001:db8::1",
    healthzBindAddress: "[::]:10256",
    metricsBindAddress: "none",
  });
  assert.deepEqual(options.clusterCidrs.map(formatCidr), ["10.244.0.0/16", "fd00:244::/56"]);
  assert.deepEqual(options.nodeAddresses, ["192.0.2.1", "2001:db8::1"]);
  assert.deepEqual(options.healthz, { host: "::", port: 10256 });
  assert.equal(options.metrics, undefined);
});

test("the Node is written only by who runs pods, unless it is asked for", () => {
  const register = (change: Partial<AgentFlags>): boolean =>
    parseAgentOptions({ ...flags, ...change }).register;
  assert.equal(register({}), false);
  assert.equal(register({ containers: "process" }), true);
  assert.equal(register({ registerNode: true }), true);
});
