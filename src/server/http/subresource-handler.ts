/** Subresources with a kind of their own: serviceaccounts/token, pods/binding. The rules of the main kind answer them. */
import type { Verb } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import type { ServedSubresource } from "../../api/subresources.ts";
import type { SubresourceRules } from "../registry/kind-rules.ts";
import type { ObjectKey } from "../registry.ts";
import type { Response } from "./exchange.ts";
import type { ResourceCall } from "./resource-call.ts";

export async function handlePart(
  call: ResourceCall,
  part: ServedSubresource,
  key: ObjectKey,
  verb: Verb,
): Promise<Response> {
  const { kind, context } = call;
  const { registry } = call.parts;
  if (verb === "create") {
    const options = call.writeOptions("CreateOptions");
    const body = await call.readObject(part.kind, options);
    const answer = await registry.createSubresource(kind, key, part.name, body, options, context);
    return respond(call, part, 201, answer);
  }
  const rules: SubresourceRules = registry.rulesOf(kind).subresources?.[part.name] ?? {};
  if (verb !== "get" || rules.get === undefined)
    throw new TypeError(`${kind.plural}/${part.name} says that it has ${verb}, but its rules do not`);
  return respond(call, part, 200, await rules.get(key, context));
}

/** Some answer with their own kind, others with a Status (bindings). */
function respond(call: ResourceCall, part: ServedSubresource, status: number, answer: KubeObject): Response {
  const { kind, apiVersion } = answer;
  return kind === "Status"
    ? call.respondValue(status, { ...answer, kind, apiVersion: apiVersion ?? "v1" })
    : call.respond(status, answer, part.kind);
}
