/** /version: the Kubernetes release whose API this is, which clients compare with their own. */
import { arch, platform } from "node:os";

/** fairlead's own version is the build metadata (semver.org, section 10). */
export const VERSION: Readonly<Record<string, string>> = {
  major: "1",
  minor: "34",
  gitVersion: "v1.34.0+fairlead",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: `node ${process.versions.node}`,
  platform: `${platform()}/${arch() === "x64" ? "amd64" : arch()}`,
};
