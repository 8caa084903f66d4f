/** How the commands that ask a running fairlead (or any Kubernetes API server) reach it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createHttpClient, type HttpClient } from "../client/http.ts";
import { loadKubeconfig } from "../client/kubeconfig.ts";
import { UserError } from "./user-error.ts";
import { defaultDataDir } from "./up/options.ts";

/** From `path`, else $KUBECONFIG, else where `fairlead up` writes its own. Throws UserError if there is none. */
export async function connect(path: string | undefined): Promise<HttpClient> {
  if (path === undefined && process.env["KUBECONFIG"]) return createHttpClient(await loadKubeconfig());
  const file = path ?? join(defaultDataDir(), "kubeconfig");
  if (!existsSync(file))
    throw new UserError(
      `no kubeconfig at ${file}`,
      "start `fairlead up` first, or name the file with --kubeconfig or KUBECONFIG",
    );
  return createHttpClient(await loadKubeconfig({ path: file }));
}
