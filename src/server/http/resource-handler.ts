/** The verbs over HTTP: from a path, a method and a body to a call of the registry and back. */
import type { Kind, Verb } from "../../api/kind.ts";
import type { KubeObject, Status } from "../../api/meta/type.ts";
import { subresourcesOf, verbsOf } from "../../api/subresources.ts";
import { failure, pathNotFound } from "../../api/status-errors.ts";
import type { ObjectKey, RegistryWriteOptions } from "../registry.ts";
import { jsonResponse, type Request, type Response } from "./exchange.ts";
import { entriesResponse, objectsResponse } from "./list-response.ts";
import { boolean, listQuery, watchQuery } from "./query-options.ts";
import { MEDIA_TYPES } from "./negotiate.ts";
import { ResourceCall, type ResourceParts } from "./resource-call.ts";
import type { ResourcePath } from "./resource-path.ts";
import { StartGate } from "./start-gate.ts";
import { handleScale } from "./scale-handler.ts";
import { handlePart } from "./subresource-handler.ts";
import { watchStream } from "./watch-stream.ts";

export type { ResourceParts } from "./resource-call.ts";

/** Informers by the thousand begin at once when a server has been restarted. */
const starts = new StartGate(16);

/** What a method does to a collection, an object or a part of an object. */
const COLLECTION_VERBS: Readonly<Record<string, Verb>> = {
  GET: "list",
  HEAD: "list",
  POST: "create",
  DELETE: "deletecollection",
};
const OBJECT_VERBS: Readonly<Record<string, Verb>> = {
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};
const PART_VERBS: Readonly<Record<string, Verb>> = { ...OBJECT_VERBS, POST: "create" };

/** Throws ApiError. */
export async function handleResource(
  parts: ResourceParts,
  request: Request,
  path: ResourcePath,
): Promise<Response> {
  const { kind, namespace, name, subresource } = path;
  if (name === undefined) return handleCollection(parts, request, kind, namespace);
  const key = namespace === undefined ? { name } : { namespace, name };
  if (subresource !== undefined) return handleSubresource(parts, request, kind, key, subresource);
  const verbs = verbsOf(kind);
  // A kind that is only created (a review) has no objects, so this path names nothing.
  if (!["get", "update", "patch", "delete"].some((verb) => verbs.includes(verb as Verb)))
    throw pathNotFound();
  const verb = OBJECT_VERBS[request.method];
  if (verb === undefined || !verbs.includes(verb)) return methodNotAllowed(OBJECT_VERBS, verbs);
  return handleObject(new ResourceCall(parts, request, kind, kind, false), key, verb, undefined);
}

async function handleCollection(
  parts: ResourceParts,
  request: Request,
  kind: Kind,
  namespace: string | undefined,
): Promise<Response> {
  // Over all namespaces there is only reading.
  const everywhere = kind.namespaced && namespace === undefined;
  const verbs = verbsOf(kind).filter((verb) => !everywhere || verb === "list" || verb === "watch");
  if (verbs.length === 0) throw pathNotFound();
  const listed = COLLECTION_VERBS[request.method];
  const watch = listed === "list" && boolean(request.query, "watch") === true;
  const verb = watch ? "watch" : listed;
  if (verb === undefined || !verbs.includes(verb)) return methodNotAllowed(COLLECTION_VERBS, verbs);
  const call = new ResourceCall(parts, request, kind, kind, watch);
  switch (verb) {
    case "watch":
      return startWatch(call, namespace);
    case "list":
      return entriesResponse(call, await list(call, namespace));
    case "create":
      return create(call, namespace);
    default:
      return deleteCollection(call, namespace);
  }
}

async function handleSubresource(
  parts: ResourceParts,
  request: Request,
  kind: Kind,
  key: ObjectKey,
  name: string,
): Promise<Response> {
  const part = subresourcesOf(kind).find((one) => one.name === name);
  if (part === undefined) throw pathNotFound();
  const verb = PART_VERBS[request.method];
  if (verb === undefined || !part.verbs.includes(verb)) return methodNotAllowed(PART_VERBS, part.verbs);
  const call = new ResourceCall(parts, request, kind, part.kind, false);
  switch (name) {
    case "status":
    case "finalize":
      return handleObject(call, key, verb, name);
    case "scale":
      return handleScale(call, key, verb);
    default:
      return handlePart(call, part, key, verb);
  }
}

async function handleObject(
  call: ResourceCall,
  key: ObjectKey,
  verb: Verb,
  subresource: "status" | "finalize" | undefined,
): Promise<Response> {
  const { kind, parts, context } = call;
  switch (verb) {
    case "get":
      return call.respond(200, await parts.registry.get(kind, key));
    case "update":
      return subresource === "finalize" ? finalize(call, key) : update(call, key, subresource);
    case "patch": {
      const { patch, options } = await call.readPatch();
      const { object, created } = await parts.registry.patch(
        kind,
        key,
        patch,
        withSubresource(options, subresource),
        context,
      );
      return call.respond(created ? 201 : 200, object);
    }
    default:
      return remove(call, key);
  }
}

async function list({ parts, kind, request }: ResourceCall, namespace: string | undefined) {
  return parts.registry.listEntries(kind, listQuery(request.query, namespace));
}

async function startWatch(call: ResourceCall, namespace: string | undefined): Promise<Response> {
  const { how, kind, parts, request } = call;
  await starts.pass();
  const watch = await parts.registry.watch(kind, watchQuery(request.query, namespace));
  const type = MEDIA_TYPES[how.encoding];
  return {
    status: 200,
    headers: {
      "content-type": how.encoding === "protobuf" ? `${type};stream=watch` : type,
      ...call.headers(),
    },
    body: watchStream(kind, watch, {
      how,
      clock: parts.clock,
      signal: request.signal,
      onError: parts.onError,
      onSent: (events, bytes) => parts.onWatchSent?.(kind, events, bytes),
    }),
  };
}

async function create(call: ResourceCall, namespace: string | undefined): Promise<Response> {
  const options = call.writeOptions("CreateOptions");
  const { object, remake } = await call.readNewObject(call.kind, options);
  noteName(call, object);
  const created = await call.parts.registry.create(
    call.kind,
    namespace,
    object,
    { ...options, remake },
    call.context,
  );
  noteName(call, created);
  const { kind, apiVersion } = created;
  // A binding is no object that anybody could read again.
  if (kind === "Status") return call.respondValue(201, { ...created, kind, apiVersion: apiVersion ?? "v1" });
  return call.respond(201, created);
}

/** For the audit: the path of a collection does not say which object is created. */
function noteName({ request: { audit } }: ResourceCall, { metadata: { name } }: KubeObject): void {
  if (audit !== undefined && name !== undefined) audit.createdName = name;
}

async function update(
  call: ResourceCall,
  key: ObjectKey,
  subresource: "status" | undefined,
): Promise<Response> {
  const options = call.writeOptions("UpdateOptions");
  const { object, created } = await call.parts.registry.update(
    call.kind,
    key,
    await call.readObject(call.kind, options),
    withSubresource(options, subresource),
    call.context,
  );
  return call.respond(created ? 201 : 200, object);
}

/** PUT of a namespace's /finalize: the only way to change spec.finalizers. */
async function finalize(call: ResourceCall, key: ObjectKey): Promise<Response> {
  const options = call.writeOptions("UpdateOptions");
  const sent = await call.readObject(call.kind, options);
  const { spec } = sent as { spec?: unknown };
  const change = (current: KubeObject): KubeObject => ({ ...current, ...(spec !== undefined && { spec }) });
  const { writer } = call.parts.registry;
  return call.respond(
    200,
    await writer.update(call.kind, key, change, { ...options, finalize: true }, call.context),
  );
}

async function remove(call: ResourceCall, key: ObjectKey): Promise<Response> {
  const { registry } = call.parts;
  const options = await call.deleteOptions();
  const object = await registry.delete(call.kind, key, options, call.context);
  const stays = object.metadata.deletionTimestamp !== undefined;
  if (stays || registry.rulesOf(call.kind).returnsDeleted === true) return call.respond(200, object);
  const { group, plural } = call.kind;
  const status: Status = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name: key.name, ...(group !== "" && { group }), kind: plural, uid: object.metadata.uid! },
  };
  return call.respondValue(200, status);
}

async function deleteCollection(call: ResourceCall, namespace: string | undefined): Promise<Response> {
  const query = listQuery(call.request.query, namespace);
  const options = await call.deleteOptions();
  const items = await call.parts.registry.deleteCollection(call.kind, query, options, call.context);
  return objectsResponse(call, items);
}

function withSubresource(
  options: RegistryWriteOptions,
  subresource: string | undefined,
): RegistryWriteOptions {
  return subresource === "status" ? { ...options, subresource } : options;
}

/** 405, with the methods that there are (RFC 9110, 15.5.6), in the words of apimachinery's NewGenericServerResponse. */
function methodNotAllowed(methods: Readonly<Record<string, Verb>>, verbs: readonly Verb[]): Response {
  const allowed = Object.keys(methods).filter((method) => verbs.includes(methods[method]!));
  const status = failure(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {},
  );
  return jsonResponse(405, status, { allow: allowed.join(", ") });
}
