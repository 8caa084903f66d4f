/**
 * Rulesets of the shape that kube-proxy makes (nftables mode: pkg/proxy/nftables/README.md of Kubernetes 1.33; iptables
 * mode: pkg/proxy/iptables), for the same services as ours: what is compared is the shape, so names are shorter.
 * Each is text for the tool that kube-proxy itself uses.
 */
import { spawnSync } from "node:child_process";
import { callInNetns } from "../src/sys/netns.ts";
import type { VirtualPort } from "../src/dataplane/table.ts";
import { CLIENT_RANGE, SERVICE_RANGE } from "./lab-traffic.ts";

/** The bit by which connections to be masqueraded are marked, as kube-proxy has it by default. */
const MARK = "0x4000";

const BASE_CHAINS = `table ip kube-proxy {
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map service-nodeports { type inet_proto . inet_service : verdict; }
  map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; }
  map no-endpoint-nodeports { type inet_proto . inet_service : verdict; }
  map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  set cluster-ips { type ipv4_addr; }
  set nodeport-ips { type ipv4_addr; elements = { 192.0.2.1 } }

  chain mark-for-masquerade {
    meta mark set meta mark or ${MARK}
  }
  chain masquerading {
    meta mark & ${MARK} == 0 return
    meta mark set meta mark xor ${MARK}
    masquerade fully-random
  }
  chain reject-chain {
    reject
  }
  chain firewall-check {
    ip daddr . meta l4proto . th dport vmap @firewall-ips
  }
  chain service-endpoints-check {
    ip daddr . meta l4proto . th dport vmap @no-endpoint-services
  }
  chain nodeport-endpoints-check {
    ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
  }
  chain cluster-ips-check {
    ip daddr @cluster-ips reject
    ip daddr ${SERVICE_RANGE} drop
  }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }

  chain filter-prerouting {
    type filter hook prerouting priority dstnat - 10;
    ct state new jump firewall-check
  }
  chain filter-input {
    type filter hook input priority -110;
    ct state new jump nodeport-endpoints-check
    ct state new jump service-endpoints-check
  }
  chain filter-forward {
    type filter hook forward priority -110;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain filter-output {
    type filter hook output priority -110;
    ct state new jump service-endpoints-check
    ct state new jump firewall-check
  }
  chain filter-output-post-dnat {
    type filter hook output priority -90;
    ct state new jump cluster-ips-check
  }
  chain nat-prerouting {
    type nat hook prerouting priority dstnat;
    jump services
  }
  chain nat-output {
    type nat hook output priority -100;
    jump services
  }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat;
    jump masquerading
  }
}
`;

/** The chains of one service and of its endpoints, and its elements. */
function nftService(port: VirtualPort, n: number): string {
  const { address, backends } = port;
  const lines = [`table ip kube-proxy {`];
  backends.forEach((backend, i) =>
    lines.push(
      `chain endpoint-${n}-${i} {`,
      `ip saddr ${backend.address} jump mark-for-masquerade`,
      `meta l4proto tcp dnat to ${backend.address}:${backend.port}`,
      `}`,
    ),
  );
  const slots = backends.map((_, i) => `${i} : goto endpoint-${n}-${i}`).join(", ");
  lines.push(
    `chain service-${n} {`,
    `ip daddr ${address} tcp dport ${port.port} ip saddr != ${CLIENT_RANGE} jump mark-for-masquerade`,
    `numgen random mod ${backends.length} vmap { ${slots} }`,
    `}`,
    `}`,
    `add element ip kube-proxy cluster-ips { ${address} }`,
    `add element ip kube-proxy service-ips { ${address} . tcp . ${port.port} : goto service-${n} }`,
  );
  return `${lines.join("\n")}\n`;
}

/** Services in one transaction of nft: it takes more than twice the time for twice as many. */
const CHUNK = 1000;

export function loadNftables(netns: string, ports: readonly VirtualPort[]): void {
  run(netns, ["nft", "-f", "-"], BASE_CHAINS);
  for (let at = 0; at < ports.length; at += CHUNK) {
    const chunk = ports.slice(at, at + CHUNK).map((port, i) => nftService(port, at + i));
    run(netns, ["nft", "-f", "-"], chunk.join(""));
  }
}

/** "legacy": ip_tables of the kernel; "nft": the same commands, which end as nf_tables rules. */
export type IptablesVariant = "legacy" | "nft";

export function loadIptables(netns: string, ports: readonly VirtualPort[], variant: IptablesVariant): void {
  const chains: string[] = [];
  const services: string[] = [];
  const rules: string[] = [];
  ports.forEach(({ address, port, backends, service }, n) => {
    const [svc, comment] = [`KUBE-SVC-${n}`, `-m comment --comment ${service}`];
    const to = `-d ${address}/32 -p tcp ${comment} -m tcp --dport ${port}`;
    chains.push(`:${svc} - [0:0]`);
    services.push(`-A KUBE-SERVICES ${to} -j ${svc}`);
    rules.push(`-A ${svc} ! -s ${CLIENT_RANGE} ${to} -j KUBE-MARK-MASQ`);
    backends.forEach((backend, i) => {
      const sep = `KUBE-SEP-${n}-${i}`;
      chains.push(`:${sep} - [0:0]`);
      const left = backends.length - i;
      const share = left === 1 ? "" : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
      rules.push(
        `-A ${svc} ${comment} ${share}-j ${sep}`,
        `-A ${sep} -s ${backend.address}/32 ${comment} -j KUBE-MARK-MASQ`,
        `-A ${sep} -p tcp ${comment} -m tcp -j DNAT --to-destination ${backend.address}:${backend.port}`,
      );
    });
  });
  const text = `*filter
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
-A INPUT -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL
-A INPUT -j KUBE-NODEPORTS
-A INPUT -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A FORWARD -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL
-A FORWARD -j KUBE-FORWARD
-A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL
-A OUTPUT -m conntrack --ctstate NEW -j KUBE-SERVICES
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark ${MARK}/${MARK} -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
*nat
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
${chains.join("\n")}
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-POSTROUTING -m mark ! --mark ${MARK}/${MARK} -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark ${MARK}
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
-A KUBE-MARK-MASQ -j MARK --or-mark ${MARK}
${services.join("\n")}
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
${rules.join("\n")}
COMMIT
`;
  run(netns, [`iptables-${variant}-restore`], text);
}

function run(netns: string, [program, ...args]: readonly string[], input: string): void {
  const { status, stderr, error } = callInNetns(netns, () =>
    spawnSync(program!, args, { input, encoding: "utf8", maxBuffer: 2 ** 26 }),
  );
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr.slice(0, 1000)}`);
}
