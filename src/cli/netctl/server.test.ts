/** Where netctl asks, and who it says it is there. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempDisposableSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createAuthority, issueCertificate } from "../../server/security/certificates.ts";
import { netctl, scriptedNetmaster, type ScriptedNetmaster } from "./netmaster-script.ts";
import { loginFile } from "./saved-login.ts";
import { findServer } from "./server.ts";

/** Made once: keys take their time. */
const keys = (async () => {
  const now = Date.now();
  const authority = await createAuthority({ commonName: "netctl-test" }, 1, now);
  const server = await issueCertificate(authority, {
    subject: { commonName: "netmaster" },
    usage: "server",
    names: ["127.0.0.1"],
    days: 1,
    now,
  });
  return { authority: authority.certificate, tls: { key: server.key, cert: server.certificate } };
})();

const secure = async (script: Readonly<Record<string, unknown>>): Promise<ScriptedNetmaster> =>
  scriptedNetmaster(script, (await keys).tls);

interface Home {
  readonly directory: string;
  readonly ca: string;
  /** Writes one for the server at this URL. */
  readonly kubeconfig: (url: string) => string;
}

/** A home directory, and the authority and a kubeconfig in it. */
async function home(t: { after(fn: () => void): void }): Promise<Home> {
  const directory = mkdtempDisposableSync(join(tmpdir(), "netctl-"));
  t.after(() => directory.remove());
  const ca = join(directory.path, "ca.pem");
  writeFileSync(ca, (await keys).authority);
  return {
    directory: directory.path,
    ca,
    kubeconfig: (url) => {
      const file = join(directory.path, "kubeconfig");
      const [cluster, user] = [{ "certificate-authority": ca, server: url }, { token: "of-the-kubeconfig" }];
      const content = {
        contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
        clusters: [{ name: "c", cluster }],
        users: [{ name: "u", user }],
        "current-context": "x",
      };
      writeFileSync(file, JSON.stringify(content));
      return file;
    },
  };
}

test("login asks the server, keeps the token for this user alone, and later commands use it there", async (t) => {
  await using netmaster = await secure({ "GET /api/v1/tenants/": [{ tenantName: "default" }] });
  const { ca, directory, kubeconfig } = await home(t);
  const env = { HOME: directory, NETMASTER: netmaster.url };
  const done = await netctl(["--certificate-authority", ca, "login"], env, "secret\n");
  assert.equal(done.stderr, "");
  assert.equal(
    done.stdout,
    `Login succeeded.\nThe token is kept in ${loginFile(env)} (readable by this user alone), for ${netmaster.url}.\n`,
  );
  assert.equal(statSync(loginFile(env)).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(loginFile(env))).mode & 0o777, 0o700);
  assert.equal((await netctl(["tenant", "ls", "-q"], env)).stdout, "default\n");
  assert.deepEqual(
    netmaster.asked.map(({ headers }) => headers["authorization"]),
    ["Bearer secret", "Bearer secret"],
  );
  // Another server is not told.
  const config = await findServer({ kubeconfig: kubeconfig("https://192.0.2.1:6443") }, { HOME: directory });
  assert.equal(config.token, "of-the-kubeconfig");
});

test("a token is not given to a server that it was not saved for, nor in the clear", async (t) => {
  const { directory, kubeconfig } = await home(t);
  const env = { HOME: directory, KUBECONFIG: kubeconfig("https://192.0.2.2:6443") };
  const file = loginFile(env);
  mkdirSync(dirname(file));
  writeFileSync(file, JSON.stringify({ token: "secret", netmaster: "https://192.0.2.1:6443" }));
  const tokenFor = async (netmaster: string): Promise<string | undefined> =>
    (await findServer({ netmaster }, env)).token;
  assert.equal(await tokenFor("https://192.0.2.1:6443"), "secret");
  assert.equal(await tokenFor("https://192.0.2.1:6443/"), "secret");
  assert.equal(await tokenFor("https://192.0.2.2:6443"), "of-the-kubeconfig");
  assert.equal(await tokenFor("https://192.0.2.1:6444"), undefined);
  assert.equal(await tokenFor("http://192.0.2.1:6443"), undefined);
});

test("a file of Contiv's own netctl, which does not say of which server, is nobody's; a broken one is exit code 4", async (t) => {
  const { directory, kubeconfig } = await home(t);
  const env = { HOME: directory, KUBECONFIG: kubeconfig("https://192.0.2.1:1") };
  mkdirSync(dirname(loginFile(env)));
  writeFileSync(loginFile(env), '{"token":"old"}');
  assert.equal((await findServer({}, env)).token, "of-the-kubeconfig");
  const login = { token: "secret", netmaster: "https://192.0.2.1:1" };
  writeFileSync(loginFile(env), JSON.stringify(login));
  assert.equal((await findServer({}, env)).token, "secret", "who has logged in is who the token says");
  writeFileSync(loginFile(env), "{");
  const { code, stderr } = await netctl(["tenant", "ls"], env);
  assert.equal(code, 4);
  assert.match(
    stderr,
    /^netctl: .*config\.json cannot be read: .*: mend or remove it, then run netctl login\n$/,
  );
});

test("login is refused without TLS, with a wrong token and with none, and keeps nothing", async (t) => {
  await using netmaster = await secure({
    "GET /api/v1/tenants/": { status: 401, body: { message: "Unauthorized", code: 401 } },
  });
  const { directory, ca } = await home(t);
  const env = { HOME: directory };
  const login = async (url: string, token: string): ReturnType<typeof netctl> =>
    netctl(["--netmaster", url, "--certificate-authority", ca, "login"], env, token);
  const clear = await login("http://127.0.0.1:1", "x");
  assert.equal(clear.code, 3);
  assert.match(clear.stderr, /^netctl: login requires a https URL, and the netmaster is http:/);
  assert.match(clear.stdout, /^Usage: netctl login/);
  const wrong = await login(netmaster.url, "x");
  assert.equal(wrong.code, 3);
  assert.match(wrong.stderr, /^netctl: Login failed: Unauthorized: log in with /);
  assert.deepEqual(
    [(await login(netmaster.url, "\n")).code, (await login(netmaster.url, "a b")).code],
    [1, 1],
  );
  assert.throws(() => readFileSync(loginFile(env)), { code: "ENOENT" });
});

test("who may not list tenants is logged in all the same", async (t) => {
  const forbidden = { message: 'namespaces is forbidden: User "bob" cannot list', code: 403 };
  await using netmaster = await secure({ "GET /api/v1/tenants/": { status: 403, body: forbidden } });
  const { directory, ca } = await home(t);
  const env = { HOME: directory };
  const done = await netctl(["--netmaster", netmaster.url, "--certificate-authority", ca, "login"], env, "t");
  assert.equal(done.code, 0, done.stderr);
});

test("the kubeconfig says where, whom to trust and who we are; with --netmaster the same server's does too", async (t) => {
  await using netmaster = await secure({ "GET /api/v1/tenants/": [] });
  const { directory, kubeconfig } = await home(t);
  const env = { HOME: directory };
  const file = kubeconfig(netmaster.url);
  for (const [args, more] of [
    [["--kubeconfig", file], {}],
    [[], { KUBECONFIG: file }],
    [["--netmaster", netmaster.url], { KUBECONFIG: file }],
    [["tenant", "--netmaster", netmaster.url, "--kubeconfig", file], {}],
  ] as const) {
    const words = args[0] === "tenant" ? [...args, "ls"] : [...args, "tenant", "ls"];
    const done = await netctl(words, { ...env, ...more });
    assert.deepEqual([done.code, done.stderr], [0, ""]);
    assert.equal(netmaster.asked.at(-1)!.headers["authorization"], "Bearer of-the-kubeconfig");
  }
});

test("http asked of a TLS server, and https of one without, is told from a server that is not there", async () => {
  await using tls = await secure({ "GET /api/v1/tenants/": [] });
  await using plain = await scriptedNetmaster({ "GET /api/v1/tenants/": [] });
  const ask = async (url: string): Promise<string> => {
    const { code, stderr } = await netctl(["--netmaster", url, "tenant", "ls"]);
    assert.equal(code, 2);
    return stderr;
  };
  assert.match(await ask(tls.url), /certificate.*: name the authority .*--insecure takes any certificate\n$/);
  const asHttp = tls.url.replace("https:", "http:");
  assert.match(await ask(asHttp), new RegExp(`: if it wants TLS, write it as ${tls.url}; is `));
  const asHttps = plain.url.replace("http:", "https:");
  assert.match(await ask(asHttps), new RegExp(`[^\\\\]: it speaks no TLS: write it as ${plain.url}\n$`));
});

test("a certificate of nobody known is refused, unless --insecure or $INSECURE says otherwise", async (t) => {
  await using netmaster = await secure({ "GET /api/v1/tenants/": [] });
  const { directory } = await home(t);
  const ask = async (args: readonly string[], more: Record<string, string> = {}): Promise<number> =>
    (await netctl([...args, "--netmaster", netmaster.url, "tenant", "ls"], { HOME: directory, ...more }))
      .code;
  assert.equal(await ask([]), 2);
  assert.equal(await ask(["--insecure"]), 0);
  assert.equal(await ask(["--insecure=false"]), 2);
  assert.equal(await ask([], { INSECURE: "true" }), 0);
  assert.equal(await ask([], { INSECURE: "0" }), 2);
});

test("files that are asked for and are not there are exit code 4", async () => {
  for (const [flag, complaint] of [
    ["--kubeconfig", /^netctl: there is no kubeconfig at \/nowhere\n$/],
    ["--certificate-authority", /^netctl: the certificate authority cannot be read: ENOENT/],
  ] as const) {
    const { code, stderr } = await netctl([flag, "/nowhere", "tenant", "ls"], { HOME: "/nowhere" });
    assert.equal(code, 4);
    assert.match(stderr, complaint);
  }
  assert.deepEqual(await netctl(["tenant", "ls"], { HOME: "/nowhere", KUBECONFIG: "/nowhere/config" }), {
    code: 4,
    stdout: "",
    stderr:
      "netctl: there is no kubeconfig at /nowhere/config, which KUBECONFIG names: correct it, or name one with --kubeconfig\n",
  });
});
