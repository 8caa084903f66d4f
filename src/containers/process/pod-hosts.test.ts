import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodSpec } from "../../api/pod/type.ts";
import { podHostname, podHosts, utsHostname } from "./pod-hosts.ts";

function pod(spec: Partial<PodSpec>, name = "web-1"): Pod {
  return { metadata: { name, namespace: "shop" }, spec: { containers: [], ...spec } };
}

test("a pod's name is its host name, unless it has one of its own; a subdomain makes it a full name", () => {
  const table: [Pod, string, string | undefined, string | undefined][] = [
    [pod({}), "web-1", undefined, "web-1"],
    [pod({ hostname: "db" }), "db", undefined, "db"],
    [pod({ subdomain: "sub" }), "web-1", "web-1.sub.shop.svc.cluster.local", "web-1"],
    [pod({ hostname: "db", subdomain: "sub" }), "db", "db.sub.shop.svc.cluster.local", "db"],
    [
      pod({ subdomain: "sub", setHostnameAsFQDN: true }),
      "web-1",
      "web-1.sub.shop.svc.cluster.local",
      "web-1.sub.shop.svc.cluster.local",
    ],
    [pod({ setHostnameAsFQDN: true }), "web-1", undefined, "web-1"],
    [pod({ hostNetwork: true }), "web-1", undefined, undefined],
    [pod({}, `${"a".repeat(62)}-b`), "a".repeat(62), undefined, "a".repeat(62)],
  ];
  for (const [one, hostname, fqdn, uts] of table) {
    const made = podHostname(one, "cluster.local");
    assert.deepEqual(made, { hostname, fqdn }, JSON.stringify(one));
    assert.equal(utsHostname(one, made), uts);
  }
});

test("/etc/hosts has the pod under each of its addresses, and the aliases", () => {
  const one = pod({
    subdomain: "sub",
    hostAliases: [{ ip: "192.0.2.9", hostnames: ["old", "old.example.com"] }],
  });
  const lines = podHosts(one, podHostname(one, "cluster.local"), ["10.244.0.2", "fd00::2"], "").split("\n");
  assert.equal(lines[0], "# Kubernetes-managed hosts file.");
  assert.ok(lines.includes("127.0.0.1\tlocalhost"));
  const name = "web-1.sub.shop.svc.cluster.local\tweb-1";
  assert.deepEqual(lines.slice(7), [
    `10.244.0.2\t${name}`,
    `fd00::2\t${name}`,
    "",
    "# Entries added by HostAliases.",
    "192.0.2.9\told\told.example.com",
    "",
  ]);
});

test("a pod in the node's network keeps the node's file, and adds its aliases", () => {
  const one = pod({ hostNetwork: true, hostAliases: [{ ip: "192.0.2.9", hostnames: ["old"] }] });
  const text = podHosts(one, podHostname(one, "cluster.local"), ["192.0.2.1"], "127.0.0.1 localhost node\n");
  assert.equal(
    text,
    "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost node\n\n# Entries added by HostAliases.\n192.0.2.9\told\n",
  );
});
