/**
 * Services made, changed and removed through netmaster's REST while containers are started, stopped, killed, paused, removed,
 * and connected to networks and taken off them, at random. Whenever it is quiet, the EndpointSlices, the kernel's maps and
 * `netctl service inspect` lead where Docker says; and in the end nothing at all is left.
 *
 * FAIRLEAD_SEED chooses what is done, DURATION for how many seconds; with SERVICES=100 CONTAINERS=200 DURATION=300 it is
 * what was promised once. KILL=1 kills `fairlead up` every 10 seconds amid all of that, and starts it again.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { serviceKind } from "../../src/api/service/kind.ts";
import { ConntrackFamily, IPS_DST_NAT } from "../../src/net/conntrack/model.ts";
import { ipAddressKind } from "../../src/api/ipaddress/kind.ts";
import { namespaceKind } from "../../src/api/namespace/kind.ts";
import { networkKind } from "../../src/api/network/kind.ts";
import { podKind } from "../../src/api/pod/kind.ts";
import type { Kind } from "../../src/api/kind.ts";
import type { KubeObject } from "../../src/api/meta/type.ts";
import { Family } from "../../src/net/nftables/model.ts";
import { needsDocker } from "../lab/docker-engine.ts";
import { seededRandom } from "../lab/packet-cases.ts";
import { duration } from "./chaos-lab.ts";
import { ContivChurn, keyOf } from "./contiv-churn.ts";
import { addressText, ContivLab, type Table } from "../lab/contiv-lab.ts";
import { differences, providersOf, wantedTable, type WantedService } from "./contiv-truth.ts";

const seed = Number(process.env["FAIRLEAD_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const sizes = {
  services: Number(process.env["SERVICES"] ?? 12),
  containers: Number(process.env["CONTAINERS"] ?? 16),
  workers: 3,
  restRate: 10,
};
const seconds = duration(10);
const kills = process.env["KILL"] === "1";
/** Seconds between two looks. */
const QUIET_EVERY = kills ? 10 : 5;
/** Milliseconds for which nobody is there, at most. */
const AWAY = 3000;
/** Milliseconds: what is promised of a repair. Nearly always it is a hundredth of that. */
const LIMIT = 5000;
const UDP = 17;
/** What is done to containers. */
const ENGINE = new Set("create start stop kill pause unpause restart remove connect disconnect".split(" "));

test(`containers and services at random (FAIRLEAD_SEED=${seed})`, { skip: needsDocker() }, async (t) => {
  await using lab = await ContivLab.open();
  const before = await everything(lab);
  const random = seededRandom(seed);
  await using churn = await ContivChurn.prepare(lab, sizes, random);
  const took: number[] = [];
  const began = performance.now();
  let busy = 0;
  while (performance.now() - began < seconds * 1000) {
    const started = performance.now();
    churn.start();
    const round = Promise.all([
      delay(QUIET_EVERY * 1000),
      kills && delay(random() * QUIET_EVERY * 1000).then(() => lab.killAndRestart(random() * AWAY)),
    ]);
    await Promise.race([round, churn.failed]);
    await churn.pause();
    busy += performance.now() - started;
    took.push(await untilRight(lab, churn));
  }
  report(t, churn, took, busy);
  await churn.removeAll();
  await untilNothingIsLeft(lab, churn, before);
});

/** Resolves to the milliseconds until everybody said what Docker says. */
async function untilRight(lab: ContivLab, churn: ContivChurn): Promise<number> {
  const began = performance.now();
  for (;;) {
    const wrong = await whatIsWrong(lab, churn);
    const now = performance.now() - began;
    if (wrong.length === 0) return now;
    if (now > LIMIT) assert.fail(`${wrong.join("\n")}\n${lab.up.stderr()}`);
    await delay(20);
  }
}

async function whatIsWrong(lab: ContivLab, churn: ContivChurn): Promise<string[]> {
  const isOurs = (address: string): boolean => churn.vips.has(address);
  const services = [...churn.services.values()];
  const containers = await lab.docker.containers();
  const wanted = wantedTable(services, containers);
  const [slices, inspected] = await Promise.all([lab.sliceTable(isOurs), lab.inspectServices()]);
  const kernel = lab.kernelTable(isOurs);
  const providers = new Map(
    services.map((one): [string, string[]] => [
      keyOf(one),
      [one.vip, ...providersOf(one, containers).map(({ Id }) => Id)].sort(),
    ]),
  );
  const said: Table = new Map(
    inspected
      .filter(({ Config }) => Config.networkName !== "")
      .map(({ Config, Oper }): [string, string[]] => {
        assert.equal(Oper.numProviders, Oper.providers.length);
        const key = keyOf({ tenant: Config.tenantName, name: Config.serviceName });
        return [key, [Oper.serviceVip, ...Oper.providers.map(({ containerID }) => containerID)].sort()];
      }),
  );
  return [
    ...differences("EndpointSlices", wanted, slices),
    ...differences("the kernel", withProviders(wanted), kernel),
    ...differences(
      "refused as a whole",
      vipTable(services.map(({ vip }) => vip)),
      vipTable(lab.wholeAddresses(isOurs)),
    ),
    ...differences("inspect", providers, said),
    ...strayFlows(lab, services, wanted),
  ];
}

/** A port without a provider is refused because nothing says where it leads. */
function withProviders(table: Table): Table {
  return new Map(Array.from(table).filter(([, endpoints]) => endpoints.length > 0));
}

function vipTable(vips: readonly string[]): Table {
  return new Map(vips.map((vip) => [vip, ["refused where it has no such port"]]));
}

/** UDP flows to a service's port that end at who provides it no more. */
function strayFlows(lab: ContivLab, services: readonly WantedService[], wanted: Table): string[] {
  const vips = new Set(services.map(({ vip }) => vip));
  return lab.kernel
    .connections(ConntrackFamily.ipv4, { protocol: UDP, status: IPS_DST_NAT })
    .flatMap(({ original, reply }) => {
      const vip = addressText(original.destination);
      if (!vips.has(vip)) return [];
      const leads = wanted.get(`${vip}|UDP|${original.destinationPort}`) ?? [];
      const at = `${addressText(reply.source)}:${reply.sourcePort}`;
      return leads.includes(at) ? [] : [`a UDP flow to ${vip}:${original.destinationPort} goes on to ${at}`];
    });
}

/** All that a service, a container or a network could leave behind, a line each. */
async function everything(lab: ContivLab): Promise<ReadonlySet<string>> {
  const lines = await lab.hostState();
  const list = async <T extends KubeObject>(kind: Kind<T>): Promise<void> => {
    for (const { metadata } of (await lab.client.list(kind, {})).items)
      lines.push(`${kind.kind} ${metadata.namespace ?? ""}/${metadata.name}`);
  };
  await list(serviceKind);
  await list(ipAddressKind);
  await list(networkKind);
  await list(namespaceKind);
  await list(podKind);
  const dns = await lab.client.get(serviceKind, { namespace: "kube-system", name: "kube-dns" });
  lines.push(...(dns.spec?.externalIPs ?? []).map((address) => `DNS at ${address}`));
  lines.push(...(await lab.docker.containers()).map(({ Id }) => `container ${Id}`));
  lines.push(...(await lab.docker.networks()).map(({ Name }) => `Docker network ${Name}`));
  for (const { name } of lab.kernel.sets(Family.inet, "fairlead"))
    for (const { key } of lab.elements(name)) lines.push(`${name} ${Buffer.from(key).toString("hex")}`);
  return new Set(lines);
}

async function untilNothingIsLeft(
  lab: ContivLab,
  churn: ContivChurn,
  before: ReadonlySet<string>,
): Promise<void> {
  const began = performance.now();
  for (;;) {
    const now = await everything(lab);
    const wrong = [
      ...Array.from(now.difference(before), (line) => `left: ${line}`),
      ...Array.from(before.difference(now), (line) => `gone: ${line}`),
      ...lab.kernel
        .connections(ConntrackFamily.ipv4, { protocol: UDP, status: IPS_DST_NAT })
        .flatMap(({ original }) => {
          const vip = addressText(original.destination);
          return churn.vips.has(vip) ? [`left: a UDP flow to ${vip}:${original.destinationPort}`] : [];
        }),
    ];
    if (wrong.length === 0) return;
    if (performance.now() - began > LIMIT) assert.fail(`${wrong.join("\n")}\n${lab.up.stderr()}`);
    await delay(50);
  }
}

function report(
  t: { diagnostic(message: string): void },
  churn: ContivChurn,
  took: readonly number[],
  busy: number,
): void {
  const counts = [...churn.done].sort(([a], [b]) => (a < b ? -1 : 1));
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  const changes = counts.filter(([what]) => ENGINE.has(what)).reduce((sum, [, count]) => sum + count, 0);
  t.diagnostic(counts.map(([what, count]) => `${what} ${count}`).join(", "));
  t.diagnostic(
    `${all} requests, ${(changes / (busy / 1000)).toFixed(1)} changes of containers a second; right after ${took.map((ms) => ms.toFixed(0)).join(", ")} ms`,
  );
  assert.ok(changes > busy / 1000, "next to nothing was done to containers");
}
