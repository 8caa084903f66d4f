/** The demo, step by step. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import { pino } from "pino";
import { canUseNetns } from "../../sys/capability.ts";
import { type Backend, type ServiceTable, virtualPortKey } from "../../dataplane/table.ts";
import { type AllInOne, startAllInOne } from "../up/all-in-one.ts";
import { parseUpOptions } from "../up/options.ts";
import { createBackends, killBackend, waitForEndpoints } from "./backends.ts";
import { startClient } from "./client.ts";
import { createDemoNetwork, type DemoNetwork } from "./network.ts";
import { type Tally, tallyPicture } from "./picture.ts";

export interface DemoOptions {
  readonly json: boolean;
  readonly exit: boolean;
  readonly version: string;
}

/** The demo's last line with --json. */
export interface DemoResult extends Tally {
  readonly virtualIP: string;
  readonly port: number;
  readonly afterKill: Tally;
}

const BACKENDS = 3;
const REQUESTS = 1_000;
const CONCURRENCY = 16;
const PORT = 8080;

export async function runDemo(options: DemoOptions): Promise<void> {
  const say = (text: string): void => {
    if (!options.json) process.stdout.write(`${text}\n`);
  };
  const step = (text: string): void => say(`\n${styleText("bold", text)}`);
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());
  // Without root the API's own Service cannot have its port 443: true, and not what the demo is about.
  const log = pino({ level: "error" }, pino.destination({ dest: 2, sync: true }));

  await using stack = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), "fairlead-demo-"));
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  const network = canUseNetns() ? stack.use(await createDemoNetwork()) : undefined;

  step("1. Starting fairlead: API server, controllers, containers and data plane in one process");
  const fairlead = await startAllInOne(
    parseUpOptions({
      dataDir,
      bind: "127.0.0.1:0",
      containers: "process",
      dataplane: network === undefined ? "userspace" : "nftables",
      nodeName: "demo",
      logLevel: "warn",
      ...(network === undefined ? apart() : { netns: network.node }),
    }),
    { version: options.version, log, signal: stopped.signal },
  );
  stack.defer(() => fairlead.stop(true));
  await fairlead.ready;
  say(`   ${fairlead.dataPlaneDescription}`);
  say(`   ${describeNetwork(network)}`);

  step(`2. One Service, and ${BACKENDS} backends with the label app=web`);
  const { virtualIP, names } = await createBackends(fairlead.client, BACKENDS, PORT);
  await fairlead.untilProgrammed((table) => backendsOf(table, virtualIP).length === BACKENDS);
  say(`   Service web: ${virtualIP}:${PORT}`);
  for (const [endpoint, name] of Object.entries(names)) say(`   ${name.padEnd(6)} ${endpoint}`);

  step(`3. ${REQUESTS} requests to ${virtualIP}:${PORT}, each on a connection of its own`);
  const client = stack.use(startClient(network?.client));
  const batch = { host: virtualIP, port: PORT, requests: REQUESTS, concurrency: CONCURRENCY };
  const before = await client.send(batch);
  say(tallyPicture(before, names));

  const victim = Object.keys(names)[1]!;
  step(`4. Killing ${names[victim]} (${victim}) with SIGKILL, and ${REQUESTS} requests more`);
  const killedAt = performance.now();
  await Promise.all([
    waitForEndpoints(fairlead.client, BACKENDS - 1),
    killBackend(fairlead.client, names[victim]!),
  ]);
  // The API says it; what counts for connections is the data plane.
  await fairlead.untilProgrammed((table) => backendsOf(table, virtualIP).length < BACKENDS);
  say(`   out of the Service after ${(performance.now() - killedAt).toFixed(1)} ms`);
  const afterKill = await client.send(batch);
  say(tallyPicture(afterKill, names));

  const result: DemoResult = { virtualIP, port: PORT, ...before, afterKill };
  if (!options.exit) await leaveRunning(say, options, fairlead, dataDir, network, virtualIP, stopped.signal);
  await stack.disposeAsync();
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (before.failed + afterKill.failed > 0) process.exitCode = 1;
}

/** Loopback addresses apart from those of a `fairlead up` on this machine, whose ports the demo's backends could not have. */
function apart(): { serviceCidr: string; podCidr: string } {
  const second = 128 + 2 * Math.floor(Math.random() * 50);
  return { serviceCidr: `127.${second}.0.0/16`, podCidr: `127.${second + 1}.0.0/24` };
}

function backendsOf({ ports }: ServiceTable, virtualIP: string): readonly Backend[] {
  return ports.get(virtualPortKey({ address: virtualIP, protocol: "TCP", port: PORT }))?.backends ?? [];
}

function describeNetwork(network: DemoNetwork | undefined): string {
  return network === undefined
    ? "without root: everything on addresses of 127/8"
    : `network namespaces ${network.node} and ${network.client} (${network.clientAddress}); the host's network is left alone`;
}

async function leaveRunning(
  say: (text: string) => void,
  options: DemoOptions,
  fairlead: AllInOne,
  dataDir: string,
  network: DemoNetwork | undefined,
  virtualIP: string,
  signal: AbortSignal,
): Promise<void> {
  const inClient = network === undefined ? "" : `ip netns exec ${network.client} `;
  const kubeconfig = join(dataDir, "kubeconfig");
  say(`
${styleText("bold", "5. It goes on running.")} Try, in another terminal:

   export KUBECONFIG=${kubeconfig}
   kubectl get pods,services,endpointslices -o wide
   ${inClient}curl ${virtualIP}:${PORT}
   kubectl label pod web-3 app-                 # takes web-3 out of the Service
   kubectl label pod web-3 app=web              # and back in
   kubectl delete pod web-1
   bin/fairlead status
   bin/fairlead trace ${virtualIP}:${PORT}${network === undefined ? "" : `\n   ip netns exec ${network.node} nft list table inet fairlead`}

   Ctrl-C stops it and removes everything it made.`);
  if (options.json) process.stderr.write(`running: ${fairlead.server.url}\n`);
  await Promise.race([
    fairlead.finished,
    new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true })),
  ]);
}
