/** A ServiceAccount's /token: gives tokens (pkg/registry/core/serviceaccount/storage/token.go). */
import type { KubeObject } from "../../api/meta/type.ts";
import { serviceAccountKind } from "../../api/serviceaccount/kind.ts";
import type { FieldError } from "../../api/field-error.ts";
import { invalidValue } from "../../api/field-error.ts";
import { badRequest, conflict, invalid, notFound } from "../../api/status-errors.ts";
import { tokenRequestKind } from "../../api/tokenrequest/kind.ts";
import type { BoundObjectReference, TokenRequest } from "../../api/tokenrequest/type.ts";
import type { ObjectKey } from "../registry.ts";
import type { SubresourceRules } from "../registry/kind-rules.ts";
import type { ObjectId, ServiceAccountClaims } from "./service-account-claims.ts";
import type { BoundObjects, ServiceAccountTokens } from "./service-account-tokens.ts";

export interface TokenRequestParts {
  readonly tokens: ServiceAccountTokens;
  readonly objects: BoundObjects;
  /** The audiences of a token that nobody asked others for. */
  readonly audiences: readonly string[];
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export function tokenRequestRules(parts: TokenRequestParts): SubresourceRules {
  return {
    async create(key, body, { dryRun }) {
      const request = body as TokenRequest;
      const now = Math.floor(parts.clock() / 1000);
      checkNames(request, key);
      const { namespace = "", name } = key;
      const account = await parts.objects.serviceAccount(namespace, name);
      if (account === undefined) throw notFound(serviceAccountKind, name);
      const { boundObjectRef } = request.spec;
      const claims: ServiceAccountClaims = {
        namespace,
        account: idOf(account),
        ...(boundObjectRef !== undefined && (await boundTo(parts.objects, key, boundObjectRef))),
      };
      const audiences = request.spec.audiences.length === 0 ? parts.audiences : request.spec.audiences;
      const expiresAt = now + request.spec.expirationSeconds!;
      const token =
        dryRun === true ? "" : await parts.tokens.issue({ claims, audiences, issuedAt: now, expiresAt });
      return {
        ...request,
        metadata: { ...request.metadata, name, namespace, creationTimestamp: timeText(now) },
        spec: { ...request.spec, audiences: [...audiences] },
        status: { token, expirationTimestamp: timeText(expiresAt) },
      } satisfies TokenRequest as KubeObject;
    },
  };
}

/** What the body says of whose token it is must be what the path says. */
function checkNames({ metadata }: TokenRequest, { namespace, name }: ObjectKey): void {
  const errors: FieldError[] = [];
  const check = (field: "name" | "namespace", expected: string | undefined): void => {
    const given = metadata[field] ?? "";
    if (given !== "" && given !== expected)
      errors.push(
        invalidValue(`metadata.${field}`, given, `must match the service account ${field} if specified`),
      );
  };
  check("name", name);
  check("namespace", namespace);
  if (errors.length > 0) throw invalid(tokenRequestKind, name, errors);
}

type Bound = Pick<ServiceAccountClaims, "pod" | "node" | "secret">;

async function boundTo(
  objects: BoundObjects,
  { namespace = "", name: account }: ObjectKey,
  { apiVersion = "", kind = "", name = "", uid = "" }: BoundObjectReference,
): Promise<Bound> {
  const found = (object: KubeObject | undefined, plural: string): ObjectId => {
    if (object === undefined) throw notFound({ group: "", plural }, name);
    const id = idOf(object);
    if (uid !== "" && uid !== id.uid)
      throw conflict(
        { group: "", plural: kind },
        name,
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    return id;
  };
  // The group of a reference is what stands before the slash of its apiVersion.
  switch (apiVersion.includes("/") ? "" : kind) {
    case "Pod": {
      const pod = await objects.pod(namespace, name);
      const id = found(pod, "pods");
      // A pod that names none is of the account "default".
      if ((pod?.spec?.serviceAccountName || "default") !== account)
        throw badRequest(
          `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`,
        );
      const nodeName = pod?.spec?.nodeName ?? "";
      const node = nodeName === "" ? undefined : await objects.node(nodeName);
      return { pod: id, ...(node !== undefined && { node: idOf(node) }) };
    }
    case "Secret":
      return { secret: found(await objects.secret(namespace, name), "secrets") };
    case "Node":
      return { node: found(await objects.node(name), "nodes") };
    default:
      throw badRequest(`cannot bind token to object of type ${goKind(apiVersion, kind)}`);
  }
}

/** "apps/v1, Kind=Deployment"; without a group "/v1, Kind=Pod" (schema.GroupVersionKind.String). */
function goKind(apiVersion: string, kind: string): string {
  return `${apiVersion.includes("/") ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
}

function idOf({ metadata }: KubeObject): ObjectId {
  return { name: metadata.name!, uid: metadata.uid! };
}

/** RFC 3339 of seconds since the epoch. */
function timeText(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}
