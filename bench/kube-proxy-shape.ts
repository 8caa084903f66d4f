/**
 * New connections a second through our ruleset against those that kube-proxy makes for the same 10,000 services of two
 * endpoints, the measured service last: its nftables mode (a chain for each service and endpoint) and its iptables mode.
 * Needs root, wrk, HAProxy, nft and iptables.
 *
 * SERVICES (10000), ROUNDS (7), SECONDS_EACH (2, whole ones); IPTABLES: which variants of Debian's iptables, "legacy" (the
 * kernel's ip_tables) and "nft" (rules of nf_tables; what `iptables` is on Debian): "legacy,nft" or one or none of them.
 */
import { createNftablesDataPlane } from "../src/dataplane/nftables/programmer.ts";
import { type IptablesVariant, loadIptables, loadNftables } from "./lab-kube-proxy.ts";
import { measuredService, portsAround, servicesAround } from "./lab-services.ts";
import {
  createPath,
  interleave,
  measure,
  type Path,
  rateText,
  ratioText,
  requirePrograms,
} from "./lab-traffic.ts";

requirePrograms({ iptables: "iptables" });

const SERVICES = Number(process.env["SERVICES"] ?? 10_000);
const ROUNDS = Number(process.env["ROUNDS"] ?? 7);
const DURATION = Number(process.env["SECONDS_EACH"] ?? 2);
const VARIANTS = (process.env["IPTABLES"] ?? "legacy,nft").split(",").filter(isVariant);

/** Of iptables, it is for what Debian calls `iptables`. */
const TARGETS: Readonly<Record<string, number>> = { "kube-proxy nftables": 1, "kube-proxy iptables-nft": 3 };

function isVariant(text: string): text is IptablesVariant {
  return text === "legacy" || text === "nft";
}

await using stack = new AsyncDisposableStack();
const ports = portsAround(SERVICES);
const contenders: Record<string, () => number> = {};

async function contender(
  name: string,
  role: string,
  load: (path: Path) => void | Promise<void>,
): Promise<void> {
  const path = stack.use(await createPath(role));
  const started = performance.now();
  await load(path);
  const seconds = (performance.now() - started) / 1000;
  console.log(`${name}: loaded ${SERVICES} services of 2 endpoints in ${seconds.toFixed(2)} s`);
  contenders[name] = () => measure(path, measuredService.address, { duration: DURATION, isClosing: true });
}

await contender("fairlead", "ours", async ({ node }) => {
  const dataPlane = stack.use(await createNftablesDataPlane({ netns: node }));
  await dataPlane.sync(servicesAround(SERVICES));
});
await contender("kube-proxy nftables", "nft", ({ node }) => loadNftables(node, ports));
for (const variant of VARIANTS)
  await contender(`kube-proxy iptables-${variant}`, variant, ({ node }) =>
    loadIptables(node, ports, variant),
  );

const { fairlead, ...others } = interleave(contenders, ROUNDS);
console.log(`new connections, ${SERVICES} services, ${ROUNDS} rounds of ${DURATION} s:`);
console.log(`  fairlead ${rateText(fairlead!)}`);
for (const [name, rates] of Object.entries(others)) {
  console.log(
    `  fairlead / ${name.padEnd(26)} ${ratioText(fairlead!, rates, TARGETS[name])}; ${rateText(rates)}`,
  );
}
