/** Users of a test server: client certificates that its authority has signed, and HTTPS calls and kubeconfigs with them. */
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { join } from "node:path";
import { issueCertificate, type KeyPair } from "../src/server/security/certificates.ts";
import { formatKubeconfig } from "../src/server/security/kubeconfig.ts";
import type { ApiFixture, Call, Reply, Scope } from "./api-fixture.ts";

export interface TestUser {
  readonly credentials: KeyPair;
  readonly call: (path: string, call?: Call) => Promise<Reply>;
  /** The Status of a refusal as "403: message"; "200" for what is no Status. */
  readonly outcome: (path: string, call?: Call) => Promise<string>;
  /** Writes a kubeconfig with the user's certificate. Returns its path. */
  readonly kubeconfig: () => Promise<string>;
}

/** A user of this name in this group, if any, beside system:authenticated. */
export async function createUser(t: Scope, api: ApiFixture, name: string, group?: string): Promise<TestUser> {
  const pki = async (file: string): Promise<string> => readFile(join(api.directory, "pki", file), "utf8");
  const authority = { certificate: await pki("ca.crt"), key: await pki("ca.key") };
  const credentials = await issueCertificate(authority, {
    subject: { commonName: name, organizations: group === undefined ? [] : [group] },
    usage: "client",
    days: 1,
    now: Date.now(),
  });
  const agent = new Agent({
    ca: authority.certificate,
    cert: credentials.certificate,
    key: credentials.key,
    keepAlive: true,
  });
  t.after(async () => agent.destroy());
  const call = async (path: string, { method = "GET", body, headers = {} }: Call = {}): Promise<Reply> => {
    const bytes =
      body === undefined || typeof body === "string" || body instanceof Uint8Array
        ? body
        : JSON.stringify(body);
    // Not by URL, which would tidy the path up.
    const request = httpsRequest({
      ...api.server.address,
      path,
      method,
      agent,
      headers: { ...(bytes !== undefined && { "content-type": "application/json" }), ...headers },
    });
    request.end(bytes);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let text = "";
    for await (const piece of response as AsyncIterable<Buffer>) text += piece.toString();
    return {
      status: response.statusCode!,
      headers: response.headers,
      text,
      json: () => JSON.parse(text) as Record<string, unknown>,
    };
  };
  return {
    credentials,
    call,
    outcome: async (path, options) => {
      const { status, text } = await call(path, options);
      if (status < 400) return String(status);
      return `${status}: ${(JSON.parse(text) as { message: string }).message}`;
    },
    kubeconfig: async () => {
      const path = join(api.directory, `${name.replaceAll(/\W/g, "-")}.kubeconfig`);
      await writeFile(path, formatKubeconfig(api.server.url, authority.certificate, credentials), {
        mode: 0o600,
      });
      return path;
    },
  };
}
