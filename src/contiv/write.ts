/** What POST, PUT, PATCH and DELETE do to one object, and answer. What is refused has changed nothing. */
import type { KubeObject } from "../api/meta/type.ts";
import { applyMergePatch } from "../api/patch/merge-patch.ts";
import { jsonResponse, type Request, type Response } from "../server/http/exchange.ts";
import { readBody } from "./body.ts";
import { configOf } from "./by-kind.ts";
import type { Keyed } from "./paths.ts";
import { config } from "./read.ts";
import { serviceConfig } from "./service.ts";
import { readNames, type Sides } from "./sides.ts";
import { readNetwork, readService, readTenant } from "./validation.ts";
import { putNetwork, removeNetwork } from "./write-network.ts";
import { patchService, putService, removeService } from "./write-service.ts";
import { putTenant, removeTenant } from "./write-tenant.ts";
import type { Written } from "./written.ts";

/** `enginePatience`: how long the container engine has for a network, milliseconds. Throws ContivError or ApiError. */
export async function write(
  request: Request,
  target: Keyed,
  sides: Sides,
  enginePatience: number,
): Promise<Response> {
  const { plural, key, tenantName, name } = target;
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
