/**
 * An API of another shape on the same server, over the same objects: netmaster's. It has paths of its own; who asks, whether it
 * is their turn, time-outs, metrics and audit are as for every request, and its work is done through a registry that
 * allows each user what they may do.
 */
import type { ApiError } from "../api/api-error.ts";
import type { Attributes } from "./authorization/attributes.ts";
import type { Request, Response } from "./http/exchange.ts";
import type { Registry, UserInfo } from "./registry.ts";

export interface GuestApi {
  /** What a request is to this API; undefined if the path is not its own. */
  call(request: Pick<Request, "method" | "path" | "query">): GuestCall | undefined;
  /** A refusal in this API's form. */
  refuse(error: ApiError, request: Pick<Request, "query" | "header">): Response;
}

export interface GuestCall {
  /**
   * What the user must be allowed, one of them, before anything of the request is looked at; the first is what a
   * refusal and the audit name. Whatever it comes to beyond that, the registry asks about.
   */
  readonly anyOf: readonly [Attributes, ...Attributes[]];
  /** Whether the answer goes on until the client goes. */
  readonly isWatch: boolean;
  /** Throws ApiError. */
  readonly answer: (request: Request, parts: GuestParts) => Promise<Response>;
}

export interface GuestParts {
  /** Does what the user may, and refuses the rest with ApiError 403. */
  readonly registry: Registry;
  /** Does everything: for what a request needs to know that is not told to its user. */
  readonly ownRegistry: Registry;
  readonly user: UserInfo;
}
