/** `fairlead up` beside an engine of a test's own. */
import { join } from "node:path";
import type { DockerEngine } from "./docker-engine.ts";
import { fairleadUp, type Up } from "./fairlead.ts";

/** Node n1 in the engine's namespace, with all that it keeps in `directory`: its kubeconfig too. `more` adds flags or replaces some. */
export function fairleadOnDocker(
  engine: DockerEngine,
  directory: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Up> {
  const flags = {
    "--data-dir": directory,
    "--bind": "127.0.0.1:6443",
    "--kubeconfig": join(directory, "kubeconfig"),
    "--containers": "docker",
    "--dataplane": "nftables",
    "--node-name": "n1",
    ...more,
  };
  return fairleadUp(Object.entries(flags).flat(), {
    netns: engine.netns,
    env: { DOCKER_HOST: engine.dockerHost },
  });
}
