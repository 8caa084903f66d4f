/** One request for a resource: what was negotiated, how its body is read, and how it is answered. */
import type { Kind } from "../../api/kind.ts";
import { deleteOptionsSchema } from "../../api/meta/delete-options.ts";
import type { DeleteOptions, KubeObject } from "../../api/meta/type.ts";
import { parsePatch } from "../../api/patch/patch.ts";
import { decodeBody, decodeOptions } from "../../api/schema/body.ts";
import type { OwnedRegistry } from "../registry/create-registry.ts";
import type { CallContext, RegistryPatch, RegistryWriteOptions } from "../registry.ts";
import type { Request, Response } from "./exchange.ts";
import { chooseRepresentation, wantsPretty } from "./negotiate.ts";
import { deleteOptions, patchQuery, writeQuery } from "./query-options.ts";
import { includeObject, objectResponse, type Presentation, valueResponse } from "./represent.ts";
import { warningHeaders } from "./warning-headers.ts";

export interface ResourceParts {
  readonly registry: OwnedRegistry;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Told of errors that are our fault. */
  readonly onError: (error: unknown) => void;
  /** Told of what watches send. */
  readonly onWatchSent?: (kind: Kind, events: number, bytes: number) => void;
}

export class ResourceCall {
  readonly parts: ResourceParts;
  readonly request: Request;
  /** The kind that the path names; a subresource may have another. */
  readonly kind: Kind;
  readonly how: Presentation;
  readonly context: CallContext;
  readonly #warnings: string[] = [];

  /** `answered` is the kind of what is answered. Throws ApiError 400 or 406. */
  constructor(parts: ResourceParts, request: Request, kind: Kind, answered: Kind, watch: boolean) {
    this.parts = parts;
    this.request = request;
    this.kind = kind;
    this.how = {
      ...chooseRepresentation(request.header("accept"), {
        protobuf: answered.protobuf !== false,
        table: answered.verbs?.includes("get") ?? true,
        watch,
      }),
      pretty: wantsPretty(request),
      include: includeObject(request.query),
      now: parts.clock(),
    };
    if (kind.deprecation !== undefined) this.#warnings.push(kind.deprecation);
    const { user, authorizeCreate } = request;
    this.context = {
      user: user!,
      warn: (text) => void this.#warnings.push(text),
      ...(authorizeCreate !== undefined && { authorizeCreate }),
    };
  }

  /** The options of a create or update. `options` names them in refusals. Throws ApiError 422. */
  writeOptions(options: "CreateOptions" | "UpdateOptions"): RegistryWriteOptions {
    return writeQuery(this.request.query, options, this.request.header("user-agent"));
  }

  /** The object in the body. Throws ApiError 400 or 415. */
  async readObject<T extends KubeObject>(kind: Kind<T>, options: RegistryWriteOptions): Promise<T> {
    return (await this.readNewObject(kind, options)).object;
  }

  /** As {@link readObject}, with a way to have the object once more. */
  async readNewObject<T extends KubeObject>(
    kind: Kind<T>,
    options: RegistryWriteOptions,
  ): Promise<{ readonly object: T; readonly remake: () => T }> {
    const body = await this.request.body();
    const type = this.#mediaType("application/json");
    const { fieldValidation = "Warn" } = options;
    const object = decodeBody(kind, type, body, { fieldValidation, warn: this.context.warn });
    return { object, remake: () => decodeBody(kind, type, body, { fieldValidation: "Ignore" }) };
  }

  /** The patch in the body, and the options of a patch. Throws ApiError 400, 415 or 422. */
  async readPatch(): Promise<{ readonly patch: RegistryPatch; readonly options: RegistryWriteOptions }> {
    const type = this.#mediaType("");
    const { options, force } = patchQuery(this.request.query, type, this.request.header("user-agent"));
    const parsed = parsePatch(type, await this.request.body(), {
      fieldValidation: options.fieldValidation,
      warn: this.context.warn,
    });
    return { patch: { ...parsed, force } as RegistryPatch, options };
  }

  /** From the query and the body. Throws ApiError 400, 415 or 422. */
  async deleteOptions(): Promise<DeleteOptions> {
    const body = await this.request.body();
    const options =
      body.length === 0 ? {} : decodeOptions(deleteOptionsSchema, this.#mediaType("application/json"), body);
    return deleteOptions(this.request.query, options);
  }

  respond<T extends KubeObject>(
    status: number,
    object: T,
    kind: Kind<T> = this.kind as Kind<never>,
  ): Response {
    return objectResponse(kind, status, object, this.how, this.headers());
  }

  /** Something that is no object of a kind: a Status. */
  respondValue(status: number, value: { readonly kind: string; readonly apiVersion: string }): Response {
    return valueResponse(status, value, this.how, this.headers());
  }

  headers(): Response["headers"] {
    return this.#warnings.length === 0 ? {} : { warning: warningHeaders(this.#warnings) };
  }

  #mediaType(absent: string): string {
    return (this.request.header("content-type") ?? absent).split(";")[0]!.trim().toLowerCase();
  }
}
