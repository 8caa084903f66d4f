/** Starts the Kubernetes API over a store: certificates, registry, listener; and stops them in the opposite order. */
import { hostname } from "node:os";
import { ChangingCatalog, fixedCatalog } from "../api/kind-catalog.ts";
import { kinds as builtinKinds } from "../api/kinds.ts";
import { cidr, cidrAddress, formatIp, parseIp } from "../base/ip.ts";
import { silentLog } from "../base/log.ts";
import { createServiceRanges } from "./allocation/ranges.ts";
import { startAuthorization } from "./authorization/authorization.ts";
import { withAudit } from "./audit/audit.ts";
import { openAuditLog } from "./audit/audit-log.ts";
import { FlowControl } from "./flow-control/flow-control.ts";
import { startCustomResources } from "./custom-resources/controller.ts";
import { ServedKinds, storedDefinitions } from "./custom-resources/served-kinds.ts";
import { type ApiParts, createApiHandler } from "./http/api-handler.ts";
import type { Handler } from "./http/exchange.ts";
import { listen } from "./http/front.ts";
import type { HealthCheck } from "./http/health.ts";
import { listenPlain, type PlainFront, withoutPages } from "./http/plain-front.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { publishedHost, publishKubernetesService } from "./kubernetes-service.ts";
import { listenForPods } from "./pod-listener.ts";
import { createRegistry } from "./registry/create-registry.ts";
import { DEFAULT_ISSUER, openAuthentication } from "./security/authentication.ts";
import { formatKubeconfig, writeKubeconfig } from "./security/kubeconfig.ts";
import { openPki } from "./security/pki.ts";
import type { RunningServer, ServerOptions } from "./server.ts";

/** Kubernetes' own default range of node ports. */
const NODE_PORTS = { first: 30000, last: 32767 };
const UNSPECIFIED = new Set(["0.0.0.0", "::"]);

/** Throws PkiError, TokenFileError, AuditLogError or BindError with a message that says what to do. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const {
    store,
    bind,
    dataDir,
    kinds: { kinds: builtin } = fixedCatalog(builtinKinds),
    log = silentLog,
    clock = Date.now,
  } = options;
  const ranges = createServiceRanges({
    serviceCidrs: options.serviceCidrs ?? [cidr("10.96.0.0/16")],
    nodePorts: options.nodePorts ?? NODE_PORTS,
  });
  // The first address of the primary range is ours, and must be so before any Service can ask for it.
  const clusterIP = formatIp(cidrAddress(ranges.serviceCidrs[0]!, 1));
  const pki = await openPki({
    dataDir,
    names: serverNames(bind.host, clusterIP, options.serverNames),
    now: clock(),
  });
  await using stack = new AsyncDisposableStack();
  const served = new ServedKinds(builtin);
  // The garbage collector must know the kind of everything that is in the store when it starts.
  const kinds = new ChangingCatalog(served.kinds(await storedDefinitions(store)));
  const registry = stack.use(await createRegistry({ store, kinds, ranges, log, clock }));
  stack.use(await startCustomResources({ registry, catalog: kinds, builtin, served, clock, log }));
  let address = "";
  const authentication = stack.use(
    await openAuthentication({
      dataDir,
      registry,
      issuer: options.serviceAccountIssuer ?? DEFAULT_ISSUER,
      tokenAuthFile: options.tokenAuthFile,
      address: () => address,
      clock,
      log,
    }),
  );
  const { policy } = stack.use(await startAuthorization({ store, registry, log }));
  const metrics = createMetrics(store, kinds, options.metrics);
  let phase: Phase = "starting";
  const apiParts: ApiParts = {
    registry,
    kinds,
    clock,
    health: healthChecks(store, () => phase),
    authenticate: authentication.authenticate,
    policy,
    flow: new FlowControl(options.limits),
    address: () => address,
    otherPaths: async (request) => authentication.openIdAnswer(request) ?? metrics.answer(request),
    onWatchSent: (kind, events, bytes) => metrics.requests.watchSent(kind, events, bytes),
    onError: (err) => log.error({ err }, "a watch failed by our fault"),
    guests: options.guests ?? [],
    onFault: (err) => log.error({ err }, "a request failed by our fault"),
  };
  // Closed after the front: the last requests leave their lines too.
  const sink =
    options.auditLog === undefined
      ? undefined
      : stack.use(await openAuditLog({ path: options.auditLog, log }));
  const observed = (handler: Handler): Handler =>
    metrics.requests.measure(sink === undefined ? handler : withAudit(handler, { sink, clock }));
  const front = await listen({
    ...options.limits,
    bind,
    server: pki.server,
    authority: pki.authority.certificate,
    handler: observed(createApiHandler(apiParts)),
    log,
  });
  stack.defer(async () => front.close());
  const plains: PlainFront[] = [];
  stack.defer(async () => {
    for (const plain of plains) await plain.close();
  });
  const { host, port } = front;
  // On all addresses: the loopback one is the one that every client on this machine can use.
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  address = reachable.includes(":") ? `[${reachable}]:${port}` : `${reachable}:${port}`;
  const publish = (at: string): Promise<AsyncDisposable> =>
    publishKubernetesService(registry, store, { clusterIP, host: at, port, log });
  const first = options.expectPods === true ? await publishedHost(registry, port) : undefined;
  let published = {
    host: first ?? reachable,
    keeper: await publish(first ?? reachable),
    listener: undefined as Disposable | undefined,
  };
  stack.defer(async () => {
    published.listener?.[Symbol.dispose]();
    await published.keeper[Symbol.asyncDispose]();
  });
  async function republish(at: string, listener: Disposable | undefined): Promise<void> {
    const before = published;
    published = { ...before, host: at, listener };
    if (at !== before.host) {
      await before.keeper[Symbol.asyncDispose]();
      published = { ...published, keeper: await publish(at) };
    }
    before.listener?.[Symbol.dispose]();
  }
  const url = `https://${address}`;
  const kubeconfig = formatKubeconfig(url, pki.authority.certificate, pki.admin);
  const owned = stack.move();
  phase = "serving";

  return {
    registry,
    url,
    address: { host, port },
    ca: pki.authority.certificate,
    serviceAccountTokens: authentication.serviceAccountTokens,
    kubeconfig: () => kubeconfig,
    writeKubeconfig: async (path) => writeKubeconfig(path, kubeconfig),
    async openToPods(door) {
      if (phase === "stopping" || (door.host === published.host && published.listener !== undefined)) return;
      // Who listens on all addresses listens on this one already.
      const everywhere = UNSPECIFIED.has(host) && door.netns === undefined;
      const listener = everywhere
        ? { [Symbol.dispose]() {} }
        : await listenForPods({ ...door, port }, (socket) => front.accept(socket), log);
      await republish(door.host, listener);
    },
    async openPlain({ guest, user, ...where }) {
      const alone: ApiParts = { ...apiParts, guests: [guest], authenticate: async () => user };
      const plain = await listenPlain({
        ...where,
        // Observed too: who tries it leaves a line in the audit.
        handler: observed(withoutPages(createApiHandler(alone))),
        refuse: (error, request) => guest.refuse(error, request),
        log,
      });
      plains.push(plain);
      return { url: plain.url };
    },
    async keepFromPods() {
      if (phase !== "stopping") await republish(reachable, undefined);
    },
    async close() {
      phase = "stopping";
      await owned.disposeAsync();
    },
  };
}

/** The names in the server's certificate: what pods, this machine and the given clients call it. */
function serverNames(host: string, clusterIP: string, more: readonly string[] = []): string[] {
  const names = new Set([
    "localhost",
    "127.0.0.1",
    "::1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    clusterIP,
    ...more,
  ]);
  if (!UNSPECIFIED.has(host)) names.add(host);
  const machine = hostname().toLowerCase();
  if (parseIp(machine) === undefined && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(machine)) names.add(machine);
  return [...names];
}

/** Where a server is between its start and its end. */
type Phase = "starting" | "serving" | "stopping";

function healthChecks(store: ServerOptions["store"], phase: () => Phase): HealthCheck[] {
  return [
    { name: "ping", check: async () => {} },
    {
      name: "store",
      async check() {
        await store.get("/registry/");
      },
    },
    {
      name: "poststarthook/start-kubernetes-service",
      of: ["readyz"],
      async check() {
        if (phase() === "starting") throw new Error("not finished");
      },
    },
    {
      name: "shutdown",
      of: ["readyz"],
      async check() {
        if (phase() === "stopping") throw new Error("process is shutting down");
      },
    },
  ];
}
