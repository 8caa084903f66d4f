/** Who asks: tokens of ServiceAccounts and of a file, good and forged; impersonation; the audit. Needs no root. */
import assert from "node:assert/strict";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify, SignJWT } from "jose";
import { type ApiFixture, type Call, type Reply, startApi } from "./api-fixture.ts";

const ISSUER = "https://kubernetes.default.svc.cluster.local";
const WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

type Json = Record<string, unknown>;

suite("authentication", { concurrency: false, timeout: 60_000 }, () => {
  let api: ApiFixture;
  let files: string;
  let now = Date.now();
  const stack = new AsyncDisposableStack();
  after(async () => stack.disposeAsync());

  before(async () => {
    files = await mkdtemp(join(tmpdir(), "fairlead-authentication-"));
    stack.defer(async () => rm(files, { recursive: true }));
    const tokenAuthFile = join(files, "tokens.csv");
    await writeFile(
      tokenAuthFile,
      'alices-token,alice,uid-1,"ops,system:masters"\n# a comment\n"bob,s token",bob,uid-2\n',
      { mode: 0o600 },
    );
    api = await startApi(
      { after: (undo) => stack.defer(undo) },
      { tokenAuthFile, auditLog: join(files, "audit.log"), clock: () => now },
    );
    await created("/api/v1/namespaces", { metadata: { name: "shop" } });
    await created("/api/v1/namespaces/shop/serviceaccounts", { metadata: { name: "web" } });
  });

  async function created(path: string, body: object): Promise<Json & { metadata: Record<string, string> }> {
    const reply = await api.call(path, { method: "POST", body });
    assert.equal(reply.status, 201, reply.text);
    return reply.json() as never;
  }

  /** As nobody but the bearer. */
  async function withToken(token: string, path: string, call: Call = {}): Promise<Reply> {
    return api.call(path, {
      ...call,
      anonymous: true,
      headers: { ...call.headers, authorization: `Bearer ${token}` },
    });
  }

  /** Who the server says that the bearer of a token is, or the code of its refusal. */
  async function whoIs(token: string): Promise<Json | number> {
    const reply = await withToken(token, WHOAMI, { method: "POST", body: {} });
    return reply.status === 201 ? userIn(reply) : reply.status;
  }

  function userIn(reply: Reply): Json {
    return (reply.json()["status"] as { userInfo: Json }).userInfo;
  }

  async function tokenOf(account: string, spec: object = {}): Promise<string> {
    const answer = await created(`/api/v1/namespaces/shop/serviceaccounts/${account}/token`, { spec });
    return (answer["status"] as { token: string }).token;
  }

  test("the administrator's certificate, before any token that is shown beside it", async () => {
    const reply = await api.call(WHOAMI, {
      method: "POST",
      body: {},
      headers: { authorization: "Bearer nonsense" },
    });
    assert.deepEqual(userIn(reply), {
      username: "fairlead-admin",
      groups: ["system:masters", "system:authenticated"],
    });
  });

  test("tokens of a file", async () => {
    assert.deepEqual(await whoIs("alices-token"), {
      username: "alice",
      uid: "uid-1",
      groups: ["ops", "system:masters", "system:authenticated"],
    });
    assert.deepEqual(await whoIs("bob,s"), 401, "a token ends at a space");
    assert.equal((await withToken("alices-token", "/api/v1/nodes")).status, 200);
  });

  test("a token that nobody knows is refused as it is in Kubernetes, even where anyone may read", async () => {
    for (const path of ["/api/v1/nodes", "/healthz", "/version"]) {
      const reply = await withToken("alices-token2", path);
      assert.equal(reply.status, 401, path);
      assert.equal(reply.headers["www-authenticate"], undefined);
      assert.deepEqual(reply.json(), {
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Failure",
        message: "Unauthorized",
        reason: "Unauthorized",
        code: 401,
      });
    }
    const other = { anonymous: true, headers: { authorization: "Basic YWRtaW46YWRtaW4=" } };
    assert.equal((await api.call("/healthz", other)).status, 200, "other schemes are passed over");
  });

  test("a ServiceAccount's token says who it is, for an hour", async () => {
    const path = "/api/v1/namespaces/shop/serviceaccounts/web/token";
    const answer = await created(path, { spec: {} });
    const { token, expirationTimestamp } = answer["status"] as Record<string, string>;
    const claims = decodeJwt(token!);
    assert.equal(claims.iss, ISSUER);
    assert.deepEqual(claims.aud, [ISSUER]);
    assert.equal(claims.sub, "system:serviceaccount:shop:web");
    assert.equal(claims.exp! - claims.iat!, 3600);
    assert.equal(Date.parse(expirationTimestamp!) / 1000, claims.exp);
    assert.deepEqual((answer["spec"] as Json)["audiences"], [ISSUER]);
    const account = (await api.call(path.replace("/token", ""))).json() as { metadata: { uid: string } };
    assert.deepEqual(await whoIs(token!), {
      username: "system:serviceaccount:shop:web",
      uid: account.metadata.uid,
      groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
      extra: { "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`] },
    });
    now += 3600_000;
    assert.equal(await whoIs(token!), 401, "expired, though its signature was checked before");
  });

  test("what a token request may ask for", async () => {
    const post = async (name: string, body: object): Promise<Reply> =>
      api.call(`/api/v1/namespaces/shop/serviceaccounts/${name}/token`, { method: "POST", body });
    const rows: [string, object, number, RegExp][] = [
      [
        "web",
        { spec: { expirationSeconds: 599 } },
        422,
        /spec\.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes/,
      ],
      [
        "web",
        { spec: { expirationSeconds: 2 ** 32 + 1 } },
        422,
        /may not specify a duration larger than 2\^32 seconds/,
      ],
      [
        "web",
        { metadata: { name: "other" }, spec: {} },
        422,
        /must match the service account name if specified/,
      ],
      ["absent", { spec: {} }, 404, /serviceaccounts \\?"absent\\?" not found/],
      [
        "web",
        { spec: { boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "none" } } },
        404,
        /pods \\?"none\\?" not found/,
      ],
      [
        "web",
        { spec: { boundObjectRef: { kind: "Deployment", apiVersion: "apps/v1", name: "x" } } },
        400,
        /cannot bind token to object of type apps\/v1, Kind=Deployment/,
      ],
    ];
    for (const [name, body, status, text] of rows) {
      const reply = await post(name, body);
      assert.equal(reply.status, status, reply.text);
      assert.match(reply.text, text);
    }
  });

  test("who may give tokens is a right of its own", async () => {
    const path = "/api/v1/namespaces/shop/serviceaccounts/web/token";
    const refused = await withToken(await tokenOf("web"), path, { method: "POST", body: { spec: {} } });
    assert.equal(refused.status, 403);
    assert.equal(
      refused.json()["message"],
      'serviceaccounts "web" is forbidden: User "system:serviceaccount:shop:web" cannot create resource "serviceaccounts/token" in API group "" in the namespace "shop"',
    );
    const trial = await api.call(`${path}?dryRun=All`, { method: "POST", body: { spec: {} } });
    assert.equal((trial.json()["status"] as Json)["token"], "", "a dry run gives no token");
  });

  test("a token goes with the ServiceAccount, and one of the same name is another", async () => {
    await created("/api/v1/namespaces/shop/serviceaccounts", { metadata: { name: "brief" } });
    const token = await tokenOf("brief");
    assert.equal(((await whoIs(token)) as Json)["username"], "system:serviceaccount:shop:brief");
    const path = "/api/v1/namespaces/shop/serviceaccounts/brief";
    const gone = await api.call(path, { method: "DELETE" });
    assert.equal(gone.json()["kind"], "ServiceAccount", "upstream's ReturnDeletedObject");
    assert.equal(await whoIs(token), 401);
    await created("/api/v1/namespaces/shop/serviceaccounts", { metadata: { name: "brief" } });
    assert.equal(await whoIs(token), 401);
  });

  test("a token bound to a Secret or a Pod goes with it", async () => {
    const secret = await created("/api/v1/namespaces/shop/secrets", { metadata: { name: "bound" } });
    const pod = await created("/api/v1/namespaces/shop/pods", {
      metadata: { name: "web-1" },
      spec: { serviceAccountName: "web", containers: [{ name: "c", image: "i" }] },
    });
    for (const [kind, plural, object] of [
      ["Secret", "secrets", secret],
      ["Pod", "pods", pod],
    ] as const) {
      const { name, uid } = object.metadata;
      const boundObjectRef = { kind, apiVersion: "v1", name, uid };
      const wrong = await api.call("/api/v1/namespaces/shop/serviceaccounts/web/token", {
        method: "POST",
        body: { spec: { boundObjectRef: { ...boundObjectRef, uid: "another" } } },
      });
      assert.equal(wrong.status, 409, wrong.text);
      const token = await tokenOf("web", { boundObjectRef });
      const user = (await whoIs(token)) as Json;
      if (kind === "Pod") {
        const extra = user["extra"] as Json;
        assert.deepEqual(extra["authentication.kubernetes.io/pod-name"], ["web-1"]);
        assert.deepEqual(extra["authentication.kubernetes.io/pod-uid"], [uid]);
      }
      const path = `/api/v1/namespaces/shop/${plural}/${name}`;
      const gone = await api.call(path, { method: "DELETE", body: { gracePeriodSeconds: 0 } });
      assert.equal(gone.status, 200, gone.text);
      assert.equal(await whoIs(token), 401, kind);
    }
  });

  /** A token with any header at all. */
  function signedBy(key: KeyObject, header: object, payload: string): string {
    const signed = `${Buffer.from(JSON.stringify(header)).toString("base64url")}.${payload}`;
    const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
    return `${signed}.${signature.toString("base64url")}`;
  }

  test("forged tokens are nobody's", async () => {
    const pem = await readFile(join(api.directory, "pki", "sa.key"), "utf8");
    const real = createPrivateKey(pem);
    const spki = createPublicKey(real).export({ type: "spki", format: "pem" });
    const der = createPublicKey(real).export({ type: "spki", format: "der" });
    const kid = createHash("sha256").update(der).digest("base64url");
    const good = await tokenOf("web");
    const claims = decodeJwt(good);
    const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const [header, payload, signature] = good.split(".") as [string, string, string];
    const resigned = async (change: object, head: object = {}): Promise<string> =>
      new SignJWT({ ...claims, ...change }).setProtectedHeader({ alg: "ES256", kid, ...head }).sign(real);
    const { privateKey: foreign } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const own = claims["kubernetes.io"] as Json;
    const seconds = now / 1000;

    const known = async (token: string, why: string): Promise<void> => {
      const user = (await whoIs(token)) as Json;
      assert.equal(user["username"], "system:serviceaccount:shop:web", why);
    };
    await known(signedBy(real, { alg: "ES256", kid }, payload), "the same, signed anew by hand");
    await known(await resigned({}), "the same claims signed with the real key are good");
    const noKid = await new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).sign(real);
    await known(noKid, "all keys are tried for a token that names none");
    const forged: Record<string, string> = {
      "another key": await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid }).sign(foreign),
      "another key of no name": await new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).sign(foreign),
      "the public key as the secret of an HMAC": await new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256", kid })
        .sign(Buffer.from(spki)),
      "no algorithm": `${base64({ alg: "none", kid })}.${payload}.`,
      "no algorithm, with a signature": `${base64({ alg: "none", kid })}.${payload}.${signature}`,
      "no signature": `${header}.${payload}.`,
      "a changed payload": `${header}.${base64({ ...claims, sub: "system:serviceaccount:kube-system:web" })}.${signature}`,
      "an unknown key": await resigned({}, { kid: "unknown" }),
      "an expired one": await resigned({ exp: Math.floor(seconds) - 1 }),
      "one without an end": await resigned({ exp: undefined }),
      "one of the future": await resigned({ nbf: Math.floor(seconds) + 3600 }),
      "another issuer": await resigned({ iss: "https://example.com" }),
      "another audience": await resigned({ aud: ["https://example.com"] }),
      "no audience": await resigned({ aud: undefined }),
      "a subject that is not its account": await resigned({ sub: "system:serviceaccount:kube-system:admin" }),
      "a pod without a name": await resigned({ "kubernetes.io": { ...own, pod: {} } }),
      "no account": await resigned({ "kubernetes.io": { namespace: "shop" } }),
      "a header that must be understood": signedBy(real, { alg: "ES256", kid, crit: ["b"], b: 1 }, payload),
      "an endless one": `${header}.${payload}${"A".repeat(12_000)}.${signature}`,
      "three empty parts": "..",
      "not base64": "%%%.%%%.%%%",
    };
    for (const [what, token] of Object.entries(forged)) assert.equal(await whoIs(token), 401, what);
  });

  test("a token of the old form is good while its Secret holds it", async () => {
    const account = (await api.call("/api/v1/namespaces/shop/serviceaccounts/web")).json() as {
      metadata: { uid: string };
    };
    const id = { name: "web", uid: account.metadata.uid };
    const token = await api.server.serviceAccountTokens.issueLegacy("shop", id, "old");
    assert.equal(await whoIs(token), 401, "no such Secret");
    const metadata = { name: "old", annotations: { "kubernetes.io/service-account.name": "web" } };
    const type = "kubernetes.io/service-account-token";
    await created("/api/v1/namespaces/shop/secrets", { metadata, type, stringData: { token } });
    assert.equal(((await whoIs(token)) as Json)["username"], "system:serviceaccount:shop:web");
    const path = "/api/v1/namespaces/shop/secrets/old";
    const taken = await api.call(path, {
      method: "PATCH",
      body: { data: { token: "eA==" } },
      headers: { "content-type": "application/merge-patch+json" },
    });
    assert.equal(taken.status, 200, taken.text);
    assert.equal(await whoIs(token), 401);
  });

  test("TokenReview says whose a token is, for whom, and why not", async () => {
    const review = async (spec: object): Promise<Json> => {
      const answer = await created("/apis/authentication.k8s.io/v1/tokenreviews", { spec });
      return answer["status"] as Json;
    };
    const token = await tokenOf("web", { audiences: ["vault", "other"] });
    assert.equal(await whoIs(token), 401, "it is not for us");
    const status = await review({ token, audiences: ["vault", "third"] });
    assert.equal(status["authenticated"], true);
    assert.deepEqual(status["audiences"], ["vault"]);
    assert.equal((status["user"] as Json)["username"], "system:serviceaccount:shop:web");
    const refused = await review({ token });
    assert.equal(refused["authenticated"] ?? false, false);
    assert.match(String(refused["error"]), /invalid bearer token, token audiences/);
    assert.equal((await review({ token: "alices-token" }))["authenticated"], true);
    assert.match(String((await review({ token: "x" }))["error"]), /invalid bearer token/);
    const empty = await api.call("/apis/authentication.k8s.io/v1/tokenreviews", {
      method: "POST",
      body: { spec: {} },
    });
    assert.equal(empty.status, 400);
    assert.match(empty.text, /token is required for TokenReview in authentication/);
  });

  test("others can check tokens with the published keys alone", async () => {
    const configuration = await api.call("/.well-known/openid-configuration");
    assert.equal(configuration.json()["issuer"], ISSUER);
    const uri = new URL(String(configuration.json()["jwks_uri"]));
    const keys = await api.call(uri.pathname);
    assert.equal(keys.headers["content-type"], "application/jwk-set+json");
    assert.ok(!keys.text.includes('"d"'), "no private part");
    const token = await tokenOf("web", { audiences: ["vault"] });
    const verified = await jwtVerify(token, createLocalJWKSet(keys.json() as unknown as JSONWebKeySet), {
      issuer: ISSUER,
      audience: "vault",
      currentDate: new Date(now),
    });
    assert.equal(verified.payload.sub, "system:serviceaccount:shop:web");
  });

  test("impersonation is for those who may", async () => {
    const as = async (token: string, headers: Record<string, string>): Promise<Reply> =>
      withToken(token, WHOAMI, { method: "POST", body: {}, headers });
    assert.deepEqual(userIn(await as("alices-token", { "impersonate-user": "carol" })), {
      username: "carol",
      groups: ["system:authenticated"],
    });
    const account = { "impersonate-user": "system:serviceaccount:shop:web" };
    assert.deepEqual(userIn(await as("alices-token", account))["groups"], [
      "system:serviceaccounts",
      "system:serviceaccounts:shop",
      "system:authenticated",
    ]);
    const full = {
      "impersonate-user": "carol",
      "impersonate-group": "a, group",
      "impersonate-uid": "7",
      "impersonate-extra-example.com%2fscope": "read",
    };
    assert.deepEqual(userIn(await as("alices-token", full)), {
      username: "carol",
      uid: "7",
      groups: ["a, group", "system:authenticated"],
      extra: { "example.com/scope": ["read"] },
    });
    assert.equal((await as("alices-token", { "impersonate-group": "ops" })).status, 400);
    const refused = await as(await tokenOf("web"), { "impersonate-user": "carol" });
    assert.equal(refused.status, 403);
    assert.match(
      String(refused.json()["message"]),
      /users "carol" is forbidden: User "system:serviceaccount:shop:web" cannot impersonate resource "users" in API group "" at the cluster scope/,
    );
  });

  /** The audit's line of a request; it is written soon after the answer. */
  async function lineOf(path: string, id: unknown): Promise<Json> {
    const deadline = Date.now() + 5000;
    while (Date.now() < deadline) {
      const lines = (await readFile(path, "utf8")).split("\n").slice(0, -1);
      const line = lines.map((text) => JSON.parse(text) as Json).find(({ auditID }) => auditID === id);
      if (line !== undefined) return line;
    }
    throw new Error(`the audit has no line of ${String(id)}`);
  }

  test("every write leaves a line, nothing of a token, and every answer is named", async () => {
    const path = join(files, "audit.log");
    const call = { method: "POST", headers: { "impersonate-user": "carol", "user-agent": "the test" } };
    const token = await tokenOf("web");
    const reply = await withToken("alices-token", "/api/v1/namespaces/shop/configmaps", {
      ...call,
      body: { metadata: { name: "audited" } },
    });
    const id = reply.headers["audit-id"];
    assert.match(String(id), /^[-0-9a-f]{36}$/);
    const read = await api.call("/api/v1/nodes", { headers: { "audit-id": "mine-1" } });
    assert.equal(read.headers["audit-id"], "mine-1");
    const allowed = await api.call("/api/v1/namespaces/shop/configmaps", {
      method: "POST",
      body: { metadata: { generateName: "made-" } },
    });
    const { metadata } = allowed.json() as { metadata: { name: string } };
    const made = await lineOf(path, allowed.headers["audit-id"]);
    assert.deepEqual(made["objectRef"], {
      resource: "configmaps",
      namespace: "shop",
      name: metadata.name,
      apiVersion: "v1",
    });
    const line = await lineOf(path, id);
    assert.equal(line["verb"], "create");
    assert.equal((line["user"] as Json)["username"], "alice");
    assert.equal((line["impersonatedUser"] as Json)["username"], "carol");
    assert.equal(line["userAgent"], "the test");
    assert.deepEqual(line["sourceIPs"], ["127.0.0.1"]);
    assert.equal((line["objectRef"] as Json)["resource"], "configmaps");
    assert.equal((line["responseStatus"] as Json)["code"], reply.status);
    const text = await readFile(path, "utf8");
    assert.ok(!text.includes("alices-token") && !text.includes(token) && !text.includes("mine-1"));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(api.directory, "pki", "sa.key"))).mode & 0o777, 0o600);
  });

  test("nothing of this was the server's fault", () => {
    assert.deepEqual(api.faults, []);
  });
});
