import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { KubeObject } from "../../api/meta/type.ts";
import { TokenRefusal } from "./authenticate.ts";
import type { ServiceAccountClaims } from "./service-account-claims.ts";
import { openServiceAccountKeys } from "./service-account-keys.ts";
import {
  type BoundObjects,
  createServiceAccountTokens,
  type ServiceAccountTokens,
} from "./service-account-tokens.ts";
import { SignedTokens } from "./signed-tokens.ts";

const START = Date.parse("2026-01-02T03:04:05Z");

interface Bench {
  readonly tokens: ServiceAccountTokens;
  /** "pod/web-1" and the like to what is there. */
  readonly there: Map<string, KubeObject>;
  /** Milliseconds since the epoch. */
  now: number;
  issue(claims: Partial<ServiceAccountClaims>): Promise<string>;
  /** "ok", or why not. */
  judge(token: string, audience?: string): Promise<string>;
}

async function bench(t: TestContext): Promise<Bench> {
  const dataDir = await mkdtemp(join(tmpdir(), "fairlead-sa-"));
  t.after(async () => rm(dataDir, { recursive: true }));
  const there = new Map<string, KubeObject>();
  const find = async (kind: string, name: string): Promise<never> => there.get(`${kind}/${name}`) as never;
  const objects: BoundObjects = {
    serviceAccount: async (_, name) => find("account", name),
    secret: async (_, name) => find("secret", name),
    pod: async (_, name) => find("pod", name),
    node: async (name) => find("node", name),
  };
  const tokens = createServiceAccountTokens({
    tokens: new SignedTokens(await openServiceAccountKeys(dataDir)),
    objects,
    issuer: "https://us",
    audiences: ["us"],
    clock: () => self.now,
  });
  const self: Bench = {
    tokens,
    there,
    now: START,
    issue: async (claims) => {
      const issuedAt = Math.floor(self.now / 1000);
      return tokens.issue({
        claims: { namespace: "shop", account: { name: "web", uid: "1" }, ...claims },
        audiences: ["us", "them"],
        issuedAt,
        expiresAt: issuedAt + 600,
      });
    },
    async judge(token, audience = "us") {
      try {
        const found = await tokens.authenticateToken(token, [audience, "nobody"]);
        return found === undefined ? "unknown" : `ok for ${found.audiences.join(" ")}`;
      } catch (error) {
        if (error instanceof TokenRefusal) return error.message;
        throw error;
      }
    },
  };
  there.set("account/web", object("web", "1"));
  return self;
}

function object(name: string, uid: string, deletionTimestamp?: string): KubeObject {
  return { metadata: { name, uid, ...(deletionTimestamp !== undefined && { deletionTimestamp }) } };
}

test("a token is good from now until its end, give or take a clock that was set back", async (t) => {
  const b = await bench(t);
  const token = await b.issue({});
  assert.equal(await b.judge(token), "ok for us");
  assert.equal(await b.judge(token, "them"), "ok for them");
  assert.match(await b.judge(token, "others"), /^token audiences \["us","them"\] is invalid for the target/);
  b.now = START + 599_999;
  assert.equal(await b.judge(token), "ok for us");
  b.now = START + 600_000;
  assert.equal(await b.judge(token), "service account token has expired");
  b.now = START - 60_000;
  assert.equal(await b.judge(token), "ok for us");
  b.now = START - 61_000;
  assert.equal(await b.judge(token), "service account token is not valid yet");
});

test("what a token is bound to must be there under the same uid", async (t) => {
  const b = await bench(t);
  for (const kind of ["pod", "secret", "node"] as const) {
    const token = await b.issue({ [kind]: { name: "x", uid: "7" } });
    assert.equal(await b.judge(token), `${kind} x is not there any more`);
    b.there.set(`${kind}/x`, object("x", "7"));
    assert.equal(await b.judge(token), "ok for us");
    b.there.set(`${kind}/x`, object("x", "8"));
    assert.equal(await b.judge(token), `${kind} UID (8) does not match claim (7)`);
  }
  b.there.set("account/web", object("web", "2"));
  assert.match(await b.judge(await b.issue({})), /^service account UID \(2\) does not match/);
});

test("a pod that is going keeps its token to its end and a minute more", async (t) => {
  const b = await bench(t);
  b.there.set("pod/x", object("x", "7", "2026-01-02T03:04:35Z"));
  const token = await b.issue({ pod: { name: "x", uid: "7" } });
  b.now = START + 90_000;
  assert.equal(await b.judge(token), "ok for us");
  b.now = START + 91_000;
  assert.equal(await b.judge(token), "pod x has been deleted");
});

test("the node of a pod is told, and need not be there", async (t) => {
  const b = await bench(t);
  b.there.set("pod/x", object("x", "7"));
  const token = await b.issue({ pod: { name: "x", uid: "7" }, node: { name: "n", uid: "9" } });
  const found = await b.tokens.authenticateToken(token, ["us"]);
  const extra = found?.user.extra;
  assert.deepEqual(extra?.["authentication.kubernetes.io/node-name"], ["n"]);
  assert.deepEqual(extra?.["authentication.kubernetes.io/node-uid"], ["9"]);
});

test("what is no token of ours is unknown, so that others may be asked", async (t) => {
  const b = await bench(t);
  for (const text of ["", "x", "a.b.c", "..", "é.é.é", "x".repeat(20_000)])
    assert.equal(await b.judge(text), "unknown");
});
