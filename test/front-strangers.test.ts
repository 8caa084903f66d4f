/** Quiet connections: those of strangers end, those that have shown a good token stay. Needs no root. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../src/base/log.ts";
import type { Handler } from "../src/server/http/exchange.ts";
import { listen } from "../src/server/http/front.ts";
import { createAuthenticate } from "../src/server/security/authenticate.ts";
import { openPki } from "../src/server/security/pki.ts";

const IDLE = 200;

test("a quiet watch of a token's bearer is kept, a stranger's is not", { timeout: 20_000 }, async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "fairlead-front-"));
  const pki = await openPki({ dataDir, names: ["127.0.0.1"], now: Date.now() });
  const authenticate = createAuthenticate(
    {
      authenticateToken: async (token) =>
        token === "good" ? { user: { name: "a", groups: [] }, audiences: [] } : undefined,
    },
    [],
  );
  const handler: Handler = async (request) => {
    await authenticate(request);
    async function* quiet(): AsyncGenerator<string> {
      yield "begun\n";
      await once(request.signal, "abort");
    }
    return { status: 200, headers: {}, body: quiet() };
  };
  const front = await listen({
    bind: { host: "127.0.0.1", port: 0 },
    server: pki.server,
    authority: pki.authority.certificate,
    handler,
    log: silentLog,
    strangerIdle: IDLE,
  });
  const ca = pki.authority.certificate;
  const url = `https://127.0.0.1:${front.port}`;
  t.after(async () => {
    await front.close();
    await rm(dataDir, { recursive: true });
  });

  /** Whether a watch over HTTP/1.1 still goes on after ten times the patience with strangers. */
  async function lasts(headers: Record<string, string>): Promise<boolean> {
    const request = httpsRequest(url, { ca, agent: false, headers });
    request.on("error", () => undefined);
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const ended = new Promise<boolean>((resolve) => {
      response.on("error", () => resolve(false));
      response.on("close", () => resolve(false));
    });
    response.resume();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, 10 * IDLE, true);
    const outcome = await Promise.race([ended, promise]);
    clearTimeout(timer);
    request.destroy();
    return outcome;
  }

  /** The same over HTTP/2, where an idle session is asked to close. */
  async function lastsOnHttp2(headers: Record<string, string>): Promise<boolean> {
    const session = connectHttp2(url, { ca });
    session.on("error", () => undefined);
    const stream = session.request({ ":path": "/", ...headers });
    stream.resume();
    await once(stream, "response");
    const { promise, resolve } = Promise.withResolvers<boolean>();
    session.on("goaway", () => resolve(false));
    session.on("close", () => resolve(false));
    const timer = setTimeout(resolve, 10 * IDLE, true);
    const outcome = await promise;
    clearTimeout(timer);
    session.destroy();
    return outcome;
  }

  const bearer = { authorization: "Bearer good" };
  assert.deepEqual(await Promise.all([lasts(bearer), lasts({}), lastsOnHttp2(bearer), lastsOnHttp2({})]), [
    true,
    false,
    true,
    false,
  ]);
});
