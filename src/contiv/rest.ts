/** netmaster's REST on the API server: each path and method, answered through what its user may do. */
import type { KubeObject } from "../api/meta/type.ts";
import { applyMergePatch } from "../api/patch/merge-patch.ts";
import { podAddresses } from "../api/pod/addresses.ts";
import { podKind } from "../api/pod/kind.ts";
import { serviceKind } from "../api/service/kind.ts";
import { createInProcessClient } from "../client/in-process.ts";
import { DataPlaneError } from "../dataplane/dataplane.ts";
import type { GuestApi, GuestParts } from "../server/guest-api.ts";
import { jsonResponse, type Request, type Response } from "../server/http/exchange.ts";
import { aloneAnswer } from "./alone.ts";
import { readBody } from "./body.ts";
import { configOf, configsOf, inspectAll, inspectOne } from "./by-kind.ts";
import { endpointOper, findEndpoint, isUp } from "./endpoint.ts";
import { describeService } from "./inspection.ts";
import { type ContivKind, namespaceOfTenant } from "./names.ts";
import { objectNotFound, orNotFound } from "./not-found.ts";
import { contivDocument } from "./openapi.ts";
import { askedOf, type Target, targetOf } from "./paths.ts";
import type { Objects } from "./picture.ts";
import { ContivError, fromApiError, refusalResponse } from "./refusal.ts";
import { serviceConfig } from "./service.ts";
import { KIND_OF, listOf, objectName, readNames, readPicture, readPods, type Sides } from "./sides.ts";
import type { SvcStatsSource, Tenants } from "./svc-stats-source.ts";
import { readNetwork, readService, readTenant } from "./validation.ts";
import { watchLines } from "./watch-lines.ts";
import { ENGINE_PATIENCE, putNetwork, removeNetwork } from "./write-network.ts";
import { patchService, putService, removeService } from "./write-service.ts";
import { putTenant, removeTenant } from "./write-tenant.ts";
import type { Written } from "./written.ts";

export interface ContivOptions {
  /** fairlead's. */
  readonly version: string;
  /** Undefined: nobody counts here, and /svcstats says so. */
  readonly svcStats?: SvcStatsSource | undefined;
  /** Whether nothing else is served there: then every path is netmaster's, /version and /info too. @default {false} */
  readonly alone?: boolean;
  /** How long the container engine has for a network, milliseconds. @default 15_000 */
  readonly enginePatience?: number;
}

/** In the group system:masters, as fairlead's own parts are. */
const OWN_USER = "system:fairlead";

export function createContivApi(options: ContivOptions): GuestApi {
  const { alone = false } = options;
  return {
    call({ method, path, query }) {
      const target = targetOf(path, query, alone);
      if (target === undefined) return undefined;
      return {
        anyOf: askedOf(target, method, path),
        isWatch: target.what === "watch" && method === "GET",
        async answer(request, parts) {
          try {
            return await answer(request, target, sidesOf(parts), options);
          } catch (error) {
            if (error instanceof ContivError) return refusalResponse(error, request);
            throw error;
          }
        },
      };
    },
    refuse(error, request) {
      const retry = error.status.details?.retryAfterSeconds;
      const headers = retry === undefined ? {} : { "retry-after": String(retry) };
      return refusalResponse(fromApiError(error), request, headers);
    },
  };
}

function sidesOf({ registry, ownRegistry, user }: GuestParts): Sides {
  return {
    user: createInProcessClient(registry, user),
    own: createInProcessClient(ownRegistry, OWN_USER),
  };
}

const READS: readonly string[] = ["GET", "HEAD"];
const ALL: readonly string[] = [...READS, "POST", "PUT", "PATCH", "DELETE"];

/** Throws ContivError or ApiError. */
async function answer(
  request: Request,
  target: Target,
  sides: Sides,
  options: ContivOptions,
): Promise<Response> {
  const { method, signal } = request;
  const allowed = target.what === "object" ? ALL : READS;
  if (target.what !== "nothing" && !allowed.includes(method)) return notAllowed(request, allowed);
  switch (target.what) {
    case "list":
      return jsonResponse(200, await list(sides, target));
    case "inspect all": {
      const namespace = namespaceOfTenant(target.tenantName);
      const picture = await readPicture(sides, target.plural, namespace);
      return jsonResponse(200, inspectAll(target.plural, picture, namespace));
    }
    case "watch":
      return {
        status: 200,
        headers: { "content-type": "application/json" },
        body: await watchLines(sides, target.plural, namespaceOfTenant(target.tenantName), signal),
      };
    case "object":
      return READS.includes(method)
        ? jsonResponse(200, await config(sides, target))
        : write(request, target, sides, options);
    case "inspect":
      return jsonResponse(200, await inspect(sides, target));
    case "describe":
      return jsonResponse(200, await describe(sides, target));
    case "endpoint":
      return jsonResponse(200, await inspectEndpoint(sides, target));
    case "svcstats":
      return readStats(options.svcStats, sides, signal);
    case "openapi":
      return jsonResponse(200, contivDocument(options.version));
    case "nothing":
      throw new ContivError(target.code, target.message);
    default:
      return jsonResponse(200, await aloneAnswer(sides, target, options.version));
  }
}

/** Throws ContivError 503 where connections are not counted. */
async function readStats(
  source: SvcStatsSource | undefined,
  sides: Sides,
  signal: AbortSignal,
): Promise<Response> {
  if (source === undefined)
    throw new ContivError(
      503,
      "connections are counted where the data plane is nftables, and here it is not: start fairlead up with --dataplane nftables",
    );
  try {
    const { since, clients } = await source.read(await readTenants(sides), signal);
    // Where there is no client yet, nothing else says it.
    return jsonResponse(200, clients, { "x-counted-since": since });
  } catch (error) {
    if (!(error instanceof DataPlaneError)) throw error;
    const { message, remedy } = error;
    throw new ContivError(503, remedy === undefined ? message : `${message}: ${remedy}`, { cause: error });
  }
}

/** Whose addresses are whose. Nothing of Pods is told but their tenants' names. */
async function readTenants(sides: Sides): Promise<Tenants> {
  const [named, pods] = await Promise.all([readNames(sides), listOf(sides.own, podKind)]);
  // A Pod on the host's network has the host's address, which is everybody's.
  const own = pods.filter((pod) => isUp(pod) && pod.spec?.hostNetwork !== true);
  const byAddress = new Map(
    own.flatMap((pod) => podAddresses(pod).map((address) => [address, pod.metadata.namespace])),
  );
  return {
    ofAddress: (address) => byAddress.get(address),
    nameOf: (namespace) => named.tenantName(namespace),
  };
}

type Keyed = Extract<Target, { readonly key: string }>;
type Listed = Extract<Target, { readonly what: "list" | "watch" | "inspect all" }>;

/** Which of {@link Objects} a kind's are. */
const PART: Readonly<Record<ContivKind, keyof Objects>> = {
  networks: "networks",
  tenants: "namespaces",
  serviceLBs: "services",
};

async function list(sides: Sides, { plural, tenantName }: Listed): Promise<object[]> {
  const namespace = namespaceOfTenant(tenantName);
  const [named, objects] = await Promise.all([
    readNames(sides),
    listOf(sides.user, KIND_OF[plural], plural === "tenants" ? undefined : namespace),
  ]);
  return configsOf(plural, named.with({ [PART[plural]]: objects }), namespace);
}

/** Throws ContivError 404, or ApiError 403. */
async function objectOf(user: Sides["user"], { plural, key, tenantName, name }: Keyed): Promise<KubeObject> {
  const found = user.get(KIND_OF[plural], objectName(plural, tenantName, name));
  return orNotFound(found, () => objectNotFound(plural, key));
}

async function config(sides: Sides, target: Keyed): Promise<object> {
  const object = await objectOf(sides.user, target);
  return configOf(target.plural, object, await readNames(sides));
}

async function inspect(sides: Sides, target: Keyed): Promise<object> {
  const { plural, tenantName } = target;
  const object = await objectOf(sides.user, target);
  return inspectOne(plural, object, await readPicture(sides, plural, namespaceOfTenant(tenantName)));
}

async function describe(sides: Sides, target: Keyed): Promise<object> {
  const namespace = namespaceOfTenant(target.tenantName);
  const service = await objectOf(sides.user, target);
  const picture = await readPicture(sides, target.plural, namespace);
  return describeService(service, picture.with({ pods: await readPods(sides, namespace) }));
}

async function inspectEndpoint(
  sides: Sides,
  target: Extract<Target, { readonly what: "endpoint" }>,
): Promise<object> {
  const pod = findEndpoint(
    await listOf(sides.user, podKind, namespaceOfTenant(target.tenantName)),
    target.id,
  );
  const { namespace = "" } = pod.metadata;
  const [named, services] = await Promise.all([readNames(sides), listOf(sides.user, serviceKind, namespace)]);
  return { Oper: endpointOper(pod, named.with({ services })) };
}

async function write(
  request: Request,
  target: Keyed,
  sides: Sides,
  options: ContivOptions,
): Promise<Response> {
  const { plural, key, tenantName, name } = target;
  const { enginePatience = ENGINE_PATIENCE } = options;
  if (request.method === "DELETE") {
    if (plural === "networks") await removeNetwork(sides, tenantName, name, enginePatience);
    else if (plural === "tenants") await removeTenant(sides, tenantName, enginePatience);
    else await removeService(sides, tenantName, name);
    return jsonResponse(200, key);
  }
  const body = await readBody(request);
  const written =
    request.method === "PATCH"
      ? await patch(sides, target, body, enginePatience)
      : await put(sides, target, body, enginePatience);
  if (request.audit !== undefined && written.verb === "update") request.audit.verb = "update";
  return jsonResponse(200, configOf(plural, written.object, await readNames(sides)));
}

/** Throws ContivError or ApiError, and then there is nothing new. */
async function patch(
  sides: Sides,
  target: Keyed,
  change: unknown,
  enginePatience: number,
): Promise<Written<KubeObject>> {
  const { plural, tenantName, name } = target;
  // The others never change: what is patched is as it was, or another one.
  if (plural !== "serviceLBs")
    return put(sides, target, applyMergePatch(await config(sides, target), change), enginePatience);
  const names = await readNames(sides);
  return patchService(sides, tenantName, name, (service) => {
    // As it is called here: the name in the path may be Kubernetes' for it.
    const before = serviceConfig(service, names);
    const { serviceName } = before;
    return readService(applyMergePatch(before, change), { tenantName: before.tenantName, serviceName });
  });
}

/** Throws ContivError or ApiError, and then there is nothing new. */
async function put(
  sides: Sides,
  { plural, tenantName, name }: Keyed,
  body: unknown,
  enginePatience: number,
): Promise<Written<KubeObject>> {
  switch (plural) {
    case "networks":
      return putNetwork(sides, readNetwork(body, { tenantName, networkName: name }), enginePatience);
    case "tenants":
      return putTenant(sides, readTenant(body, { tenantName }));
    default:
      return putService(sides, readService(body, { tenantName, serviceName: name }));
  }
}

function notAllowed(request: Request, allowed: readonly string[]): Response {
  const message = `${request.method} is not possible here: ${request.path} takes ${allowed.join(", ")}`;
  return refusalResponse(new ContivError(405, message), request, { allow: allowed.join(", ") });
}
