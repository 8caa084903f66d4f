import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { nodeKind } from "../../api/node/kind.ts";
import { createAuthority, issueCertificate } from "../../server/security/certificates.ts";
import { createHttpClient, type HttpClientConfig } from "../http.ts";

const NOW = Date.now();

test("the server is known by its certificate, and we by ours", async () => {
  const authority = await createAuthority({ commonName: "test-ca" }, 1, NOW);
  const other = await createAuthority({ commonName: "other-ca" }, 1, NOW);
  const issue = { days: 1, now: NOW };
  const ours = await issueCertificate(authority, {
    ...issue,
    subject: { commonName: "api" },
    usage: "server",
    names: ["api.test"],
  });
  const user = await issueCertificate(authority, {
    ...issue,
    subject: { commonName: "someone" },
    usage: "client",
  });
  const server = createServer(
    {
      cert: ours.certificate,
      key: ours.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      const name = socket.authorized ? socket.getPeerCertificate().subject.CN : "nobody";
      response.end(JSON.stringify({ metadata: { name } }));
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  async function whoami(config: Partial<HttpClientConfig>): Promise<string> {
    using client = createHttpClient({
      server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ca: authority.certificate,
      tlsServerName: "api.test",
      ...config,
    });
    return client.get(nodeKind, { name: "me" }).then(
      ({ metadata }) => metadata.name!,
      (error: Error) => error.message.replace(/^.* cannot be reached: /, ""),
    );
  }

  try {
    const credentials = { clientCertificate: user.certificate, clientKey: user.key };
    assert.equal(await whoami(credentials), "someone");
    assert.equal(await whoami({}), "nobody");
    assert.match(await whoami({ ca: other.certificate }), /certificate/);
    assert.match(await whoami({ tlsServerName: "elsewhere.test" }), /does not match certificate's altnames/);
    assert.equal(
      await whoami({ ...credentials, ca: other.certificate, insecureSkipTlsVerify: true }),
      "someone",
    );
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});
