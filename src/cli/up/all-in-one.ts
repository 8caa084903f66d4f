/** Everything in one process: store, API, controllers, containers, data plane, put together and taken apart in order. */
import { join } from "node:path";
import { type Cidr, cidr, parseIp } from "../../base/ip.ts";
import type { Log } from "../../base/log.ts";
import { chooseDataPlane } from "../../agent/choose-data-plane.ts";
import { createAgentMetrics } from "../../agent/metrics.ts";
import { startNode } from "../../agent/start-node.ts";
import type { Client } from "../../client/client.ts";
import { createInProcessClient } from "../../client/in-process.ts";
import { type ContivOptions, createContivApi } from "../../contiv/rest.ts";
import { createSvcStats } from "../../contiv/svc-stats.ts";
import { startControllers } from "../../controllers/controllers.ts";
import { openConnectionSource } from "../../dataplane/connections/connection-source.ts";
import type { DataPlane } from "../../dataplane/dataplane.ts";
import type { ServiceTable } from "../../dataplane/table.ts";
import type { RunningServer } from "../../server/server.ts";
import { startServer } from "../../server/start.ts";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import { startDns } from "./dns.ts";
import { chooseDnsIp, parseDnsOptions } from "./dns-options.ts";
import type { UpOptions } from "./options.ts";

export interface AllInOneParts {
  /** fairlead's version. */
  readonly version: string;
  readonly log: Log;
  /** Ends it: `finished` resolves, and `stop` is to be called. */
  readonly signal: AbortSignal;
  /** Told what cannot be served here for want of a right, in a sentence, once. @default {the log is told} */
  readonly onMissingRight?: (sentence: string) => void;
}

export interface AllInOne {
  readonly client: Client;
  readonly server: RunningServer;
  /** Where Contiv's REST is served without authentication, "http://127.0.0.1:9999"; undefined: nowhere. */
  readonly netmaster: string | undefined;
  readonly dataPlane: DataPlane | undefined;
  readonly storeRevision: number;
  readonly serviceCidrs: readonly Cidr[];
  /** For people. */
  readonly containers: string;
  readonly dataPlaneDescription: string;
  /** What people read of the DNS; resolves when it answers, at the latest when all is ready. */
  readonly dns: Promise<string>;
  /** Containers are seen, controllers have caught up, the data plane is programmed. */
  readonly ready: Promise<void>;
  /** Resolves when `signal` aborts; rejects if a part can never work. */
  readonly finished: Promise<void>;
  /** Resolves when a table for which `holds` is true is committed to the data plane. Never without a data plane. */
  untilProgrammed(holds: (table: ServiceTable) => boolean): Promise<void>;
  /** Stops in order. With `cleanup` the kernel is left as it was before the first start. */
  stop(cleanup: boolean): Promise<void>;
}

/** In the group system:masters: fairlead's own parts may do everything. */
const OUR_USER = "system:fairlead";

export async function startAllInOne(options: UpOptions, parts: AllInOneParts): Promise<AllInOne> {
  const { log, version } = parts;
  await using stack = new AsyncDisposableStack();
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  parts.signal.addEventListener("abort", stop, { once: true });
  stack.defer(() => parts.signal.removeEventListener("abort", stop));
  const { signal } = stopping;

  const chosen = await chooseDataPlane(options.dataPlane, options.netns, log);
  chosen.problems.onMissingRight = parts.onMissingRight;
  const { dataPlane } = chosen;
  stack.use(chosen.claim);
  if (dataPlane !== undefined) stack.use(dataPlane);
  const serviceCidrs = options.serviceCidrs ?? chosen.defaultServiceCidrs;
  const { dns: dnsOptions = parseDnsOptions({}) } = options;
  const dnsIp = chooseDnsIp(dnsOptions, serviceCidrs);
  const store = await openSqliteStore({
    dataDir: join(options.dataDir, "store"),
    onCompactionError: (err) =>
      log.error({ err }, "the store could not forget old revisions; tried again later"),
  });
  stack.use(store);
  const storeRevision = store.revision;
  const metrics = createAgentMetrics(log);
  const expectPods = dataPlane !== undefined && needsDoor(options);
  let programmed: (() => ServiceTable | undefined) | undefined;
  // In userspace, connections are our own, and the kernel knows nothing of who is behind them.
  const svcStats =
    dataPlane?.name === "nftables"
      ? stack.use(
          createSvcStats({
            table: () => programmed?.(),
            open: (onEnd) => openConnectionSource(onEnd, options.netns),
          }),
        )
      : undefined;
  const contiv: ContivOptions = { version, svcStats };
  const server = await startServer({
    guests: [createContivApi(contiv)],
    ...(dataPlane !== undefined && { metrics: [metrics.registry] }),
    expectPods,
    store,
    bind: options.bind,
    dataDir: options.dataDir,
    serviceCidrs,
    tokenAuthFile: options.tokenAuthFile,
    auditLog: options.auditLog,
    log,
  });
  stack.defer(() => server.close());
  await server.writeKubeconfig(options.kubeconfig);
  const netmaster = options.netmaster && (await openNetmaster(server, options.netmaster, contiv));

  const client = createInProcessClient(server.registry, OUR_USER);
  const controllers = startControllers({
    client,
    signal,
    log,
    identity: { ca: server.ca, issueLegacyToken: server.serviceAccountTokens.issueLegacy },
  });
  stack.defer(async () => {
    stop();
    await controllers.done;
  });
  let opened = false;
  let opening: Promise<void> = Promise.resolve();
  const node = await startNode(
    {
      nodeName: options.nodeName,
      containers: options.containers,
      bindPods: true,
      podCidrs: options.podCidrs,
      netns: options.netns,
      serviceCidrs,
      stateDir: join(options.dataDir, "pods"),
      clusterDomain: dnsOptions.domain,
      register: true,
      nodeAddresses: options.nodeAddresses,
      clusterCidrs: options.clusterCidrs,
      zone: options.zone,
    },
    {
      client,
      chosen,
      version,
      log,
      signal,
      metrics,
      onGateways(gateways, podRanges) {
        // The Service `kubernetes` has an address of the primary family.
        const { family } = serviceCidrs[0]!.base;
        const host = gateways.find((address) => parseIp(address)?.family === family);
        if (!expectPods || host === undefined) return;
        const door = { host, netns: options.netns, podRanges: podRanges.map(cidr) };
        opened = true;
        opening = opening.then(() =>
          server.openToPods(door).catch(async (err: unknown) => {
            log.warn(
              { err, host },
              "pods cannot reach the API by the Service kubernetes: restart, or see --bind",
            );
            await server.keepFromPods();
          }),
        );
      },
    },
  );

  programmed = () => node.agent?.table();

  const dns = node.ready.then(async () =>
    startDns(dnsOptions, {
      client,
      dataPlane,
      clusterIP: dnsIp,
      serviceCidrs,
      nodeName: options.nodeName,
      netns: options.netns,
      metrics: metrics.registry,
      log,
      signal,
    }),
  );
  const ready = (async () => {
    await node.ready;
    await controllers.ready;
    if (!opened) await server.keepFromPods();
    await opening;
    await dns;
    await node.agent?.settled();
  })();
  const stopRequested = new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  const finished = Promise.race([stopRequested, node.failed]);
  // Whoever awaits these sees the failure; until then it must not end the process.
  ready.catch(() => undefined);
  const dnsText = dns.then(({ description }) => description);
  dnsText.catch(() => undefined);
  finished.catch(() => undefined);

  const owned = stack.move();
  return {
    client,
    server,
    netmaster,
    dataPlane,
    storeRevision,
    serviceCidrs,
    containers: node.containers,
    dataPlaneDescription: chosen.description,
    dns: dnsText,
    ready,
    finished,
    untilProgrammed: (holds) => node.untilProgrammed(holds),
    async stop(cleanup) {
      stop();
      await controllers.done;
      // What it could not start was told by `ready`.
      await dns.then(
        ({ done }) => done,
        () => undefined,
      );
      await node.stop(cleanup);
      await opening;
      await owned.disposeAsync();
    },
  };
}

/** Contiv's REST where there is nothing else, as an administrator. Resolves to its URL. Throws BindError. */
async function openNetmaster(
  server: RunningServer,
  bind: NonNullable<UpOptions["netmaster"]>,
  contiv: ContivOptions,
): Promise<string> {
  const guest = createContivApi({ ...contiv, alone: true });
  const user = { name: "netmaster", groups: ["system:masters", "system:authenticated"] };
  return (await server.openPlain({ bind, option: "--netmaster", guest, user })).url;
}

/** Whether pods do not reach the API where it listens: on loopback, or in another network namespace than theirs. */
function needsDoor({ bind: { host }, netns }: UpOptions): boolean {
  return (
    netns !== undefined || host.startsWith("127.") || host === "::1" || host === "0.0.0.0" || host === "::"
  );
}
