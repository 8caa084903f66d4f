/** The whole API on one internal request type: who may ask, and which handler answers. */
import { derivedFrom, type KindCatalog } from "../../api/kind-catalog.ts";
import { forbidden, pathNotFound, unauthorized } from "../../api/status-errors.ts";
import { ANONYMOUS, type Authenticate, isPublicPath, type User } from "../security/authenticate.ts";
import { impersonationOf } from "../security/impersonation.ts";
import { Discovery } from "./discovery.ts";
import { type Handler, jsonResponse, type Request, type Response, textResponse } from "./exchange.ts";
import { type HealthCheck, healthResponse } from "./health.ts";
import { OpenApi } from "./openapi.ts";
import { handleResource, type ResourceParts } from "./resource-handler.ts";
import { ResourcePaths } from "./resource-path.ts";
import { VERSION } from "./version.ts";

export interface ApiParts extends ResourceParts {
  readonly kinds: KindCatalog;
  readonly health: readonly HealthCheck[];
  readonly authenticate: Authenticate;
  /** "127.0.0.1:6443" */
  readonly address: () => string;
  /** Answers paths that are neither resources nor about them: /metrics. Undefined: no such path. */
  readonly otherPaths?: (request: Request) => Promise<Response | undefined>;
}

/** Answers every request, or throws ApiError. */
export function createApiHandler(parts: ApiParts): Handler {
  const paths = derivedFrom(parts.kinds, (kinds) => new ResourcePaths(kinds));
  const discovery = new Discovery(parts.kinds, parts.address);
  const openApi = new OpenApi(parts.kinds);

  return async (received) => {
    const request = { ...received, user: await identify(received, parts.authenticate) };
    const { path, user } = request;
    if (isPublicPath(path)) return readOnly(request, async () => publicResponse(request, parts.health));
    if (user === ANONYMOUS) throw unauthorized();
    checkMaster(user);
    const resource = paths().resolve(path);
    if (resource !== undefined) return handleResource(parts, request, resource);
    const response =
      discovery.answer(request) ?? openApi.answer(request) ?? (await parts.otherPaths?.(request));
    if (response === undefined) throw pathNotFound();
    return readOnly(request, async () => response);
  };
}

/** As whom the request is made. Throws ApiError 401 for bad credentials, 403 for an impersonation that is not allowed. */
async function identify(request: Request, authenticate: Authenticate): Promise<User> {
  const user = (await authenticate(request)) ?? ANONYMOUS;
  if (request.audit !== undefined) request.audit.user = user;
  const impersonation = impersonationOf(request);
  if (impersonation === undefined) return user;
  checkMaster(user);
  if (request.audit !== undefined) request.audit.impersonatedUser = impersonation.user;
  return impersonation.user;
}

function checkMaster(user: User): void {
  if (!user.groups.includes("system:masters"))
    throw forbidden(
      { group: "", plural: "" },
      "",
      `User "${user.name}" cannot use this server: it is not in the group system:masters`,
    );
}

async function publicResponse({ path, query }: Request, checks: readonly HealthCheck[]): Promise<Response> {
  return path === "/version" ? jsonResponse(200, VERSION) : healthResponse(path, query, checks);
}

/** The front leaves the body away for HEAD. */
async function readOnly({ method }: Request, answer: () => Promise<Response>): Promise<Response> {
  if (method === "GET" || method === "HEAD") return answer();
  return {
    ...textResponse(405, "method not allowed: this path can only be read\n"),
    headers: { allow: "GET, HEAD" },
  };
}
