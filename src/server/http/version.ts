/** /version: the Kubernetes release whose API this is, which clients compare with their own. */
import { arch, platform } from "node:os";

/**
 * fairlead's own version is the build metadata (semver.org, section 10). The commit is git's name for none, as what runs
 * is not built from one: kubectl up to 1.27 prints it, and the conformance test wants it to be hexadecimal.
 */
export const VERSION: Readonly<Record<string, string>> = {
  major: "1",
  minor: "34",
  gitVersion: "v1.34.0+fairlead",
  gitCommit: "0".repeat(40),
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: `node ${process.versions.node}`,
  platform: `${platform()}/${arch() === "x64" ? "amd64" : arch()}`,
};
