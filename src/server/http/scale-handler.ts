/**
 * /scale of any kind that has replicas: an autoscaling/v1 Scale made of the object, and written back into it (pkg/registry/
 * apps/deployment/storage scaleUpdatedObjectInfo).
 */
import { apiVersionOf, type Kind, type ScaleSubresource, type Verb } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { applyPatch } from "../../api/patch/patch.ts";
import { scaleKind } from "../../api/scale/kind.ts";
import type { Scale } from "../../api/scale/type.ts";
import { objectFromValue } from "../../api/schema/body.ts";
import { badRequest, conflict, invalid } from "../../api/status-errors.ts";
import { checkName, placeInNamespace } from "../registry/metadata.ts";
import type { ObjectKey, RegistryWriteOptions } from "../registry.ts";
import type { Response } from "./exchange.ts";
import type { ResourceCall } from "./resource-call.ts";

export async function handleScale(call: ResourceCall, key: ObjectKey, verb: Verb): Promise<Response> {
  const { kind, parts } = call;
  if (verb === "get") return call.respond(200, scaleOf(kind, await parts.registry.get(kind, key)), scaleKind);
  if (verb === "update") {
    const options = call.writeOptions("UpdateOptions");
    const sent = await call.readObject(scaleKind, options);
    return write(call, key, options, () => sent);
  }
  const { patch, options } = await call.readPatch();
  if (patch.type === "apply") {
    const config = configOf(kind, key, patch.patch);
    const { object } = await parts.registry.writer.apply(
      kind,
      key,
      config,
      patch.force,
      { ...options, scale: true },
      call.context,
    );
    return call.respond(200, scaleOf(kind, object), scaleKind);
  }
  return write(call, key, options, (current) =>
    applyPatch(scaleKind, current, patch, {
      fieldValidation: options.fieldValidation ?? "Warn",
      warn: call.context.warn,
    }),
  );
}

async function write(
  call: ResourceCall,
  key: ObjectKey,
  options: RegistryWriteOptions,
  change: (current: Scale) => Scale,
): Promise<Response> {
  const { kind, parts, context } = call;
  const written = await parts.registry.writer.update(
    kind,
    key,
    (current) => scaled(kind, current, change(scaleOf(kind, current))),
    { ...options, scale: true },
    context,
  );
  return call.respond(200, scaleOf(kind, written), scaleKind);
}

/** What applying this Scale applies to the object that it is of. Throws ApiError 400. */
function configOf(kind: Kind, { namespace, name }: ObjectKey, applied: unknown): unknown {
  const { apiVersion, kind: given } = applied as { apiVersion?: unknown; kind?: unknown };
  if (apiVersion !== apiVersionOf(scaleKind) || given !== scaleKind.kind)
    throw badRequest(`invalid object type: ${String(apiVersion)}, Kind=${String(given)}`);
  const scale = objectFromValue(scaleKind, applied, { fieldValidation: "Strict" });
  checkName(scale, name);
  placeInNamespace(kind, namespace, scale);
  const { metadata, spec } = scale;
  const errors = scaleKind.validate(scale, { ipFamilies: [] });
  if (errors.length > 0) throw invalid(scaleKind, name, errors);
  const config: KubeObject & { spec?: unknown } = {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata,
  };
  if ((applied as { spec?: { replicas?: unknown } }).spec?.replicas === undefined) return config;
  const replicas = spec?.replicas ?? 0;
  // Of our own kinds the replicas are always here; a custom resource says itself where they are.
  if (kind.custom === true) subresource(kind).write(config, replicas);
  else config.spec = { replicas };
  return config;
}

/** What is shown of an object. */
function scaleOf(kind: Kind, object: KubeObject): Scale {
  const { replicas, ready, selector } = subresource(kind).read(object);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const metadata = Object.fromEntries(
    Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata,
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: ready, ...(selector !== "" && { selector }) },
  };
}

/** The object with the replicas that `scale` wants. Throws ApiError 400, 409 or 422. */
function scaled(kind: Kind, current: KubeObject, scale: Scale): KubeObject {
  const name = current.metadata.name!;
  checkName(scale, name);
  placeInNamespace(kind, current.metadata.namespace, scale);
  const errors = scaleKind.validate(scale, { ipFamilies: [] });
  if (errors.length > 0) throw invalid(scaleKind, name, errors);
  const { uid = "", resourceVersion } = scale.metadata;
  if (uid !== "" && uid !== current.metadata.uid)
    throw conflict(
      { group: kind.group, plural: `${kind.plural}/scale` },
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`,
    );
  const object = structuredClone(current);
  subresource(kind).write(object, scale.spec?.replicas ?? 0);
  // Somebody else's version in the Scale is somebody else's version of the object.
  if (resourceVersion === undefined) delete object.metadata.resourceVersion;
  else object.metadata.resourceVersion = resourceVersion;
  return object;
}

function subresource(kind: Kind): ScaleSubresource<KubeObject> {
  const { scale } = kind.subresources;
  if (scale === undefined) throw new TypeError(`${kind.kind} has no scale`);
  return scale;
}
