/** Puts the ways to know who asks together over a registry, and teaches the registry to answer who is who. */
import { ApiError } from "../../api/api-error.ts";
import type { Kind } from "../../api/kind.ts";
import type { KubeObject } from "../../api/meta/type.ts";
import { nodeKind } from "../../api/node/kind.ts";
import { podKind } from "../../api/pod/kind.ts";
import { secretKind } from "../../api/secret/kind.ts";
import { selfSubjectReviewKind } from "../../api/selfsubjectreview/kind.ts";
import { serviceAccountKind } from "../../api/serviceaccount/kind.ts";
import { tokenReviewKind } from "../../api/tokenreview/kind.ts";
import type { Log } from "../../base/log.ts";
import type { Request, Response } from "../http/exchange.ts";
import type { OwnedRegistry } from "../registry/create-registry.ts";
import type { ObjectKey } from "../registry.ts";
import { type Authenticate, createAuthenticate, type TokenAuthenticator, unionOf } from "./authenticate.ts";
import { createOpenIdAnswer } from "./openid.ts";
import { selfSubjectReviewRules, tokenReviewRules } from "./reviews.ts";
import { openServiceAccountKeys } from "./service-account-keys.ts";
import {
  type BoundObjects,
  createServiceAccountTokens,
  type ServiceAccountTokens,
} from "./service-account-tokens.ts";
import { SignedTokens } from "./signed-tokens.ts";
import { openTokenFile } from "./token-file.ts";
import { tokenRequestRules } from "./token-request.ts";

/** Kubernetes' name for the API server inside a cluster. */
export const DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local";

export interface AuthenticationOptions {
  /** Its keys are in `<dataDir>/pki`. */
  readonly dataDir: string;
  readonly registry: OwnedRegistry;
  /** The `iss` of ServiceAccount tokens, and the audience of those that name none. */
  readonly issuer: string;
  /** A file of users with fixed tokens. */
  readonly tokenAuthFile?: string | undefined;
  /** "127.0.0.1:6443" */
  readonly address: () => string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Log;
}

/** Disposed, it follows no file any more. */
export interface Authentication extends Disposable {
  readonly authenticate: Authenticate;
  /** The answer for a path of OpenID Connect; undefined for any other. */
  readonly openIdAnswer: (request: Pick<Request, "path">) => Response | undefined;
  readonly serviceAccountTokens: ServiceAccountTokens;
}

/** Throws PkiError and TokenFileError with a message that says what to do. */
export async function openAuthentication(options: AuthenticationOptions): Promise<Authentication> {
  const { dataDir, registry, issuer, clock, log } = options;
  const keys = await openServiceAccountKeys(dataDir);
  const audiences = [issuer];
  const objects = boundObjects(registry);
  const serviceAccountTokens = createServiceAccountTokens({
    tokens: new SignedTokens(keys),
    objects,
    issuer,
    audiences,
    clock,
  });
  using stack = new DisposableStack();
  const authenticators: TokenAuthenticator[] = [];
  if (options.tokenAuthFile !== undefined)
    authenticators.push(stack.use(await openTokenFile(options.tokenAuthFile, audiences, log)));
  authenticators.push(serviceAccountTokens);
  const tokens = unionOf(authenticators);
  registry.rules
    .add(serviceAccountKind, {
      returnsDeleted: true,
      subresources: {
        token: tokenRequestRules({ tokens: serviceAccountTokens, objects, audiences, clock }),
      },
    })
    .add(tokenReviewKind, tokenReviewRules(tokens, audiences))
    .add(selfSubjectReviewKind, selfSubjectReviewRules);
  const owned = stack.move();
  return {
    authenticate: createAuthenticate(tokens, audiences),
    openIdAnswer: createOpenIdAnswer({ keys, issuer, address: options.address }),
    serviceAccountTokens,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function boundObjects(registry: OwnedRegistry): BoundObjects {
  const get = async <T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T | undefined> => {
    try {
      return await registry.get(kind, key);
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  };
  return {
    serviceAccount: async (namespace, name) => get(serviceAccountKind, { namespace, name }),
    secret: async (namespace, name) => get(secretKind, { namespace, name }),
    pod: async (namespace, name) => get(podKind, { namespace, name }),
    node: async (name) => get(nodeKind, { name }),
  };
}
