/** The whole API on one internal request type: who may ask, and which handler answers. */
import { ApiError } from "../../api/api-error.ts";
import { derivedFrom, type KindCatalog } from "../../api/kind-catalog.ts";
import { internalError, pathNotFound } from "../../api/status-errors.ts";
import type { AuditNotes } from "../audit/notes.ts";
import { type Attributes, demand } from "../authorization/attributes.ts";
import { authorizedRegistry } from "../authorization/authorized-registry.ts";
import type { Policy } from "../authorization/policy.ts";
import { FlowControl } from "../flow-control/flow-control.ts";
import type { GuestApi, GuestCall } from "../guest-api.ts";
import { ANONYMOUS, type Authenticate, type User } from "../security/authenticate.ts";
import { impersonationOf } from "../security/impersonation.ts";
import { Discovery } from "./discovery.ts";
import { type Handler, jsonResponse, type Request, type Response, textResponse } from "./exchange.ts";
import { type HealthCheck, healthResponse } from "./health.ts";
import { OpenApi } from "./openapi.ts";
import { attributesOf } from "./request-attributes.ts";
import { handleResource, type ResourceParts } from "./resource-handler.ts";
import { requestTimeout, withinTime } from "./request-timeout.ts";
import { type ResourcePath, ResourcePaths } from "./resource-path.ts";
import { VERSION } from "./version.ts";
import { watchByParameter } from "./watch-path.ts";

/** The part of its time that a request may wait for its turn, as upstream's priority and fairness has it. */
const PATIENCE = 0.25;

export interface ApiParts extends ResourceParts {
  readonly kinds: KindCatalog;
  readonly health: readonly HealthCheck[];
  readonly authenticate: Authenticate;
  /** Who may do what. */
  readonly policy: Policy;
  /** @default the limits of kube-apiserver */
  readonly flow?: FlowControl;
  /** "127.0.0.1:6443" */
  readonly address: () => string;
  /** Answers paths that are neither resources nor about them: /metrics. Undefined: no such path. */
  readonly otherPaths?: (request: Request) => Promise<Response | undefined>;
  /** APIs of other shapes. Their paths are theirs before they are anything else. @default {[]} */
  readonly guests?: readonly GuestApi[];
  /** Told of a guest's mistakes, which are ours. */
  readonly onFault?: (error: unknown) => void;
}

/** Answers every request, or throws ApiError. */
export function createApiHandler(parts: ApiParts): Handler {
  const paths = derivedFrom(parts.kinds, (kinds) => new ResourcePaths(kinds));
  const discovery = new Discovery(parts.kinds, parts.address);
  const openApi = new OpenApi(parts.kinds);
  const { policy, flow = new FlowControl() } = parts;

  const handle = async (request: Request, resource: ResourcePath | undefined): Promise<Response> => {
    if (resource !== undefined) return handleResource(parts, request, resource);
    const { path, query } = request;
    if (isHealthPath(path)) return readOnly(request, async () => healthResponse(path, query, parts.health));
    const response =
      discovery.answer(request) ??
      openApi.answer(request) ??
      version(path) ??
      (await parts.otherPaths?.(request));
    if (response === undefined) throw pathNotFound();
    return readOnly(request, async () => response);
  };

  /** By turn and in time, as every request. `isWatch`: until the client goes. */
  const inTurn = async (
    request: Request,
    { user, asked }: Identity,
    attributes: Attributes,
    work: (request: Request) => Promise<Response>,
    isWatch = attributes.verb === "watch",
  ): Promise<Response> => {
    const { query, signal } = request;
    if (isWatch) return flow.startWatch(asked, signal, async () => work(request));
    const timeout = requestTimeout(query);
    return withinTime(timeout, async () => {
      const place = await flow.enter(user, attributes, { signal, patience: timeout * PATIENCE });
      const body = async (): Promise<Uint8Array> => place.outside(async () => request.body());
      try {
        return await work({ ...request, body });
      } finally {
        place.leave();
      }
    });
  };

  const answerGuest = async (request: Request, { anyOf, isWatch, answer }: GuestCall): Promise<Response> => {
    const identity = await identify(request, parts);
    const { user } = identity;
    if (request.audit !== undefined) noteAttributes(request.audit, anyOf[0]);
    if (!anyOf.some((one) => policy.authorize(user, one).allowed)) demand(policy, user, anyOf[0]);
    const { registry: ownRegistry } = parts;
    const registry = authorizedRegistry(ownRegistry, policy, user);
    const work = async (one: Request): Promise<Response> => answer(one, { registry, ownRegistry, user });
    return inTurn({ ...request, user }, identity, anyOf[0], work, isWatch);
  };

  return async (request) => {
    for (const guest of parts.guests ?? []) {
      const call = guest.call(request);
      if (call === undefined) continue;
      try {
        return await answerGuest(request, call);
      } catch (error) {
        // To its clients a Status would be no answer.
        const refused = error instanceof ApiError ? error : ourFault(error, parts);
        if (request.audit !== undefined) request.audit.refused = refused;
        return guest.refuse(refused, request);
      }
    }
    const received = watchByParameter(request);
    const { audit } = received;
    const identity = await identify(received, parts);
    const { user } = identity;
    const resource = paths().resolve(received.path);
    const attributes = attributesOf(received, resource);
    if (audit !== undefined) noteAttributes(audit, attributes);
    demand(policy, user, attributes);
    // A new object by PUT or by apply is a create, which may be another's right than to change one.
    const authorizeCreate = (): void => demand(policy, user, { ...attributes, verb: "create" });
    const work = async (one: Request): Promise<Response> => handle(one, resource);
    return inTurn({ ...received, user, authorizeCreate }, identity, attributes, work);
  };
}

/** Told to whoever runs the server; the client is told that it is not to blame. */
function ourFault(error: unknown, { onFault }: ApiParts): ApiError {
  onFault?.(error);
  return internalError(error instanceof Error ? error.message : String(error), { cause: error });
}

interface Identity {
  /** As whom the request is made. */
  readonly user: User;
  /** Who has made it: another, if they impersonate. */
  readonly asked: User;
}

/** Throws ApiError 401 for bad credentials, 403 for an impersonation that is not allowed. */
async function identify(request: Request, { authenticate, policy }: ApiParts): Promise<Identity> {
  const user = (await authenticate(request)) ?? ANONYMOUS;
  if (request.audit !== undefined) request.audit.user = user;
  const impersonation = impersonationOf(request);
  if (impersonation === undefined) return { user, asked: user };
  for (const check of impersonation.checks)
    demand(policy, user, { namespace: "", subresource: "", ...check });
  if (request.audit !== undefined) request.audit.impersonatedUser = impersonation.user;
  return { user: impersonation.user, asked: user };
}

function noteAttributes(audit: AuditNotes, attributes: Attributes): void {
  audit.verb = attributes.verb;
  if ("path" in attributes) return;
  const { resource, namespace, name, group, version, subresource } = attributes;
  audit.objectRef = {
    resource,
    ...(namespace !== "" && { namespace }),
    ...(name !== "" && { name }),
    ...(group !== "" && { apiGroup: group }),
    apiVersion: version,
    ...(subresource !== "" && { subresource }),
  };
}

function isHealthPath(path: string): boolean {
  return /^\/(healthz|livez|readyz)(\/|$)/.test(path);
}

function version(path: string): Response | undefined {
  return path === "/version" || path === "/version/" ? jsonResponse(200, VERSION) : undefined;
}

/** The front leaves the body away for HEAD. */
async function readOnly({ method }: Request, answer: () => Promise<Response>): Promise<Response> {
  if (method === "GET" || method === "HEAD") return answer();
  const refused = textResponse(405, "method not allowed: this path can only be read\n");
  return { ...refused, headers: { ...refused.headers, allow: "GET, HEAD" } };
}
