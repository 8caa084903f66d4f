import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSpec } from "../../api/pod/type.ts";
import { formatResolvConf, parseResolvConf, podResolverConfig } from "./resolv-conf.ts";

const CLUSTER = { nameservers: ["10.96.0.10"], domain: "cluster.local" };
const HOST = "# a comment\nnameserver 192.0.2.53\nsearch corp.example.com\noptions edns0 trust-ad\n";

function made(spec: Partial<PodSpec>, cluster = CLUSTER): string {
  const pod = { metadata: { name: "web", namespace: "shop" }, spec: { containers: [], ...spec } };
  return formatResolvConf(podResolverConfig(pod, cluster, parseResolvConf(HOST)));
}

const CLUSTER_SEARCH = "shop.svc.cluster.local svc.cluster.local cluster.local";
const CLUSTER_FIRST = `search ${CLUSTER_SEARCH} corp.example.com\nnameserver 10.96.0.10\noptions ndots:5\n`;
const AS_HOST = "search corp.example.com\nnameserver 192.0.2.53\noptions edns0 trust-ad\n";

test("the policy chooses between the cluster's server and the node's", () => {
  const table: [Partial<PodSpec>, string][] = [
    [{}, CLUSTER_FIRST],
    [{ dnsPolicy: "ClusterFirst" }, CLUSTER_FIRST],
    [{ dnsPolicy: "ClusterFirst", hostNetwork: true }, AS_HOST],
    [{ dnsPolicy: "ClusterFirstWithHostNet", hostNetwork: true }, CLUSTER_FIRST],
    [{ dnsPolicy: "Default" }, AS_HOST],
    [{ dnsPolicy: "None" }, ""],
    [
      { dnsPolicy: "None", dnsConfig: { nameservers: ["1.1.1.1"], searches: ["resolv.conf.local"] } },
      "search resolv.conf.local\nnameserver 1.1.1.1\n",
    ],
  ];
  for (const [spec, text] of table) assert.equal(made(spec), text, JSON.stringify(spec));
  assert.equal(made({}, { ...CLUSTER, nameservers: [] }), AS_HOST, "without a DNS server of the cluster");
});

test("dnsConfig adds to what the policy gives, and its options win", () => {
  const text = made({
    dnsConfig: {
      nameservers: ["9.9.9.9", "10.96.0.10"],
      searches: ["a.example", "cluster.local"],
      options: [{ name: "ndots", value: "2" }, { name: "rotate" }],
    },
  });
  assert.equal(
    text,
    `search ${CLUSTER_SEARCH} corp.example.com a.example\nnameserver 10.96.0.10\nnameserver 9.9.9.9\noptions ndots:2 rotate\n`,
  );
});

test("what a resolver does not take is left out: a fourth server, a 33rd search domain, more than 2048 characters", () => {
  const many = podResolverConfig(
    {
      metadata: { name: "web", namespace: "shop" },
      spec: {
        containers: [],
        dnsPolicy: "None",
        dnsConfig: {
          nameservers: ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"],
          searches: Array.from({ length: 40 }, (_, i) => `${i}.${"x".repeat(60)}.example`),
        },
      },
    },
    CLUSTER,
    parseResolvConf(HOST),
  );
  assert.deepEqual(many.nameservers, ["1.1.1.1", "1.1.1.2", "1.1.1.3"]);
  assert.ok(many.searches.length <= 32 && many.searches.join(" ").length <= 2048);
  assert.equal(many.searches[0], `0.${"x".repeat(60)}.example`);
});
