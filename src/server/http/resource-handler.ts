/** The verbs over HTTP: from a path, a method and a body to a call of the registry and back. */
import { apiVersionOf, type Kind } from "../../api/kind.ts";
import { deleteOptionsSchema } from "../../api/meta/delete-options.ts";
import type { DeleteOptions, KubeObject, Status } from "../../api/meta/type.ts";
import { parsePatch } from "../../api/patch/patch.ts";
import { decodeBody, decodeOptions } from "../../api/schema/body.ts";
import { badRequest, methodNotSupported, pathNotFound } from "../../api/status-errors.ts";
import type { OwnedRegistry } from "../registry/create-registry.ts";
import type { CallContext, ObjectKey, RegistryWriteOptions } from "../registry.ts";
import type { Request, Response } from "./exchange.ts";
import { chooseRepresentation } from "./negotiate.ts";
import { boolean, deleteOptions, listQuery, watchQuery, writeQuery } from "./query-options.ts";
import {
  includeObject,
  listResponse,
  objectResponse,
  type Presentation,
  valueResponse,
} from "./represent.ts";
import type { ResourcePath } from "./resource-path.ts";
import { watchStream } from "./watch-stream.ts";

export interface ResourceParts {
  readonly registry: OwnedRegistry;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Told of errors that are our fault. */
  readonly onError: (error: unknown) => void;
}

/** Throws ApiError. */
export async function handleResource(
  parts: ResourceParts,
  request: Request,
  path: ResourcePath,
): Promise<Response> {
  const { kind, namespace, name, subresource } = path;
  if (subresource !== undefined && !(subresource === "status" && kind.subresources.status === true))
    if (!(subresource === "finalize" && kind.plural === "namespaces")) throw pathNotFound();
  const how: Presentation = {
    ...chooseRepresentation(request.header("accept")),
    include: includeObject(request.query),
    now: parts.clock(),
  };
  const call = new ResourceCall(parts, request, kind, how);
  if (name === undefined) return call.onCollection(namespace);
  return call.onObject(namespace === undefined ? { name } : { namespace, name }, subresource);
}

class ResourceCall {
  readonly #parts: ResourceParts;
  readonly #request: Request;
  readonly #kind: Kind;
  readonly #how: Presentation;
  readonly #warnings: string[] = [];
  readonly #context: CallContext;

  constructor(parts: ResourceParts, request: Request, kind: Kind, how: Presentation) {
    this.#parts = parts;
    this.#request = request;
    this.#kind = kind;
    this.#how = how;
    const warn = (text: string): void => void this.#warnings.push(text);
    this.#context = { user: request.user!, warn };
  }

  async onCollection(namespace: string | undefined): Promise<Response> {
    const { method, query } = this.#request;
    switch (method) {
      case "GET":
        return boolean(query, "watch") === true ? this.#watch(namespace) : this.#list(namespace);
      case "POST":
        // Without a namespace in the path there is no such collection to post to.
        if (this.#kind.namespaced && namespace === undefined) throw methodNotSupported(this.#kind, "create");
        return this.#create(namespace);
      case "DELETE":
        return this.#deleteCollection(namespace);
      default:
        throw methodNotSupported(this.#kind, verbOf(method));
    }
  }

  async onObject(key: ObjectKey, subresource: string | undefined): Promise<Response> {
    const { method } = this.#request;
    switch (method) {
      case "GET":
        return this.#respond(200, await this.#parts.registry.get(this.#kind, key));
      case "PUT":
        return this.#update(key, subresource);
      case "PATCH":
        return this.#patch(key, subresource);
      case "DELETE":
        if (subresource !== undefined) throw methodNotSupported(this.#kind, "delete");
        return this.#delete(key);
      default:
        throw methodNotSupported(this.#kind, verbOf(method));
    }
  }

  async #list(namespace: string | undefined): Promise<Response> {
    const list = await this.#parts.registry.list(this.#kind, listQuery(this.#request.query, namespace));
    return listResponse(this.#kind, list, this.#how);
  }

  async #watch(namespace: string | undefined): Promise<Response> {
    if (this.#how.encoding !== "json") throw badRequest("a watch is served as application/json only");
    const { registry, onError } = this.#parts;
    const { signal, query } = this.#request;
    const watch = await registry.watch(this.#kind, watchQuery(query, namespace));
    return {
      status: 200,
      headers: { "content-type": "application/json" },
      body: watchStream(this.#kind, watch, { how: this.#how, signal, onError }),
    };
  }

  async #create(namespace: string | undefined): Promise<Response> {
    const options = writeQuery(this.#request.query, "CreateOptions");
    const object = await this.#readObject(options);
    return this.#respond(
      201,
      await this.#parts.registry.create(this.#kind, namespace, object, options, this.#context),
    );
  }

  async #update(key: ObjectKey, subresource: string | undefined): Promise<Response> {
    const options = writeQuery(this.#request.query, "UpdateOptions");
    const sent = await this.#readObject(options);
    const { registry } = this.#parts;
    if (subresource === "finalize") {
      const change = (current: KubeObject): KubeObject => ({ ...current, ...pick(sent, "spec") });
      return this.#respond(
        200,
        await registry.writer.update(this.#kind, key, change, { ...options, finalize: true }, this.#context),
      );
    }
    const { object, created } = await registry.update(
      this.#kind,
      key,
      sent,
      withSubresource(options, subresource),
      this.#context,
    );
    return this.#respond(created ? 201 : 200, object);
  }

  async #patch(key: ObjectKey, subresource: string | undefined): Promise<Response> {
    const options = writeQuery(this.#request.query, "PatchOptions");
    const patch = parsePatch(this.#mediaType(""), await this.#request.body(), {
      fieldValidation: options.fieldValidation,
      warn: this.#context.warn,
    });
    const { object, created } = await this.#parts.registry.patch(
      this.#kind,
      key,
      patch,
      withSubresource(options, subresource),
      this.#context,
    );
    return this.#respond(created ? 201 : 200, object);
  }

  async #delete(key: ObjectKey): Promise<Response> {
    const { registry } = this.#parts;
    const options = await this.#deleteOptions();
    const object = await registry.delete(this.#kind, key, options, this.#context);
    const stays = object.metadata.deletionTimestamp !== undefined;
    if (stays || registry.rulesOf(this.#kind).returnsDeleted === true) return this.#respond(200, object);
    const { group, plural } = this.#kind;
    const status: Status = {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Success",
      details: { name: key.name, ...(group !== "" && { group }), kind: plural, uid: object.metadata.uid! },
    };
    return valueResponse(200, status, this.#how, this.#headers());
  }

  async #deleteCollection(namespace: string | undefined): Promise<Response> {
    const { registry } = this.#parts;
    const query = listQuery(this.#request.query, namespace);
    const options = await this.#deleteOptions();
    const items = await registry.deleteCollection(this.#kind, query, options, this.#context);
    const list = {
      kind: `${this.#kind.kind}List`,
      apiVersion: apiVersionOf(this.#kind),
      metadata: {},
      items,
    };
    return valueResponse(200, list, this.#how, this.#headers());
  }

  async #deleteOptions(): Promise<DeleteOptions> {
    const body = await this.#request.body();
    const options =
      body.length === 0 ? {} : decodeOptions(deleteOptionsSchema, this.#mediaType("application/json"), body);
    return deleteOptions(this.#request.query, options);
  }

  async #readObject(options: RegistryWriteOptions): Promise<KubeObject> {
    const body = await this.#request.body();
    return decodeBody(this.#kind, this.#mediaType("application/json"), body, {
      fieldValidation: options.fieldValidation ?? "Warn",
      warn: this.#context.warn,
    });
  }

  #mediaType(absent: string): string {
    return (this.#request.header("content-type") ?? absent).split(";")[0]!.trim().toLowerCase();
  }

  #respond(status: number, object: KubeObject): Response {
    return objectResponse(this.#kind, status, object, this.#how, this.#headers());
  }

  /** RFC 9111 had Warning; Kubernetes keeps using it: code 299, no agent. */
  #headers(): Response["headers"] {
    if (this.#warnings.length === 0) return {};
    const once = [...new Set(this.#warnings)];
    return {
      warning: once.map(
        (text) => `299 - "${text.replaceAll(/["\\]/g, "\\$&").replaceAll(/[^\x20-\x7e]/g, " ")}"`,
      ),
    };
  }
}

function pick(object: KubeObject, name: string): Record<string, unknown> {
  const value = (object as unknown as Record<string, unknown>)[name];
  return value === undefined ? {} : { [name]: value };
}

function withSubresource(
  options: RegistryWriteOptions,
  subresource: string | undefined,
): RegistryWriteOptions {
  return subresource === "status" ? { ...options, subresource } : options;
}

function verbOf(method: string): string {
  const verbs: Readonly<Record<string, string>> = {
    POST: "create",
    PUT: "update",
    PATCH: "patch",
    DELETE: "delete",
  };
  return verbs[method] ?? method.toLowerCase();
}
