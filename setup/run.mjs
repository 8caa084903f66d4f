// The first thing that runs in a fresh clone, on whatever node is there (20 or newer): brings the dependencies and
// node 24, then hands over. Plain JavaScript without imports of ours, because nothing is installed yet.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NEEDED_NODE = 24;

const commands = {
  setup: [],
  test: ["setup/gate.ts"],
  demo: ["bin/fairlead", "demo"],
  bench: ["bench/run.ts"],
};

const [name = "", ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined)
  fail(`unknown command ${JSON.stringify(name)}: one of ${Object.keys(commands).join(", ")}`);

installDependencies();
if (name === "test") {
  installDebianPackages();
  unpackDebianKubectl();
}
if (command.length > 0) {
  const result = spawnSync(node24(), [...command, ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}` },
  });
  process.exitCode = result.status ?? 1;
}

/**
 * Installs what package-lock.json says, unless node_modules is that already. Not by `npm ci`, which refuses a lock file
 * without the optional binaries of platforms that a registry does not have (yet), whether they are needed here or not.
 */
function installDependencies() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules/.installed-from");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  say("installing the npm packages");
  const result = spawnSync(
    "npm",
    ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: root,
      stdio: ["ignore", process.stderr, process.stderr],
    },
  );
  if (result.status !== 0) fail("npm install failed (see above): is the npm registry reachable?");
  writeFileSync(stamp, lock);
}

/** The node of node_modules, else this one if it is new enough. */
function node24() {
  const local = join(root, "node_modules/.bin/node");
  if (existsSync(local)) return local;
  if (Number(process.versions.node.split(".")[0]) >= NEEDED_NODE) return process.execPath;
  return fail(
    `node ${process.versions.node} is too old and npm has no node ${NEEDED_NODE} for ${process.platform} ${process.arch}: install node ${NEEDED_NODE} or newer`,
  );
}

/**
 * Brings what the whole-system tests drive: kubectl and clients in other languages, the Docker engine, nft and conntrack
 * as independent witnesses, DNS clients and a resolver, and shells that complete netctl's commands.
 * Without root nothing is installed; the tests that need it are then skipped by name.
 */
function installDebianPackages() {
  const wanted = {
    nft: "nftables",
    conntrack: "conntrack",
    ip: "iproute2",
    iptables: "iptables",
    kubectl: "kubernetes-client",
    dockerd: "docker.io",
    busybox: "busybox-static",
    dig: "dnsutils",
    dnsperf: "dnsperf",
    unbound: "unbound",
    fish: "fish",
    zsh: "zsh",
  };
  const path = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", ...(process.env.PATH ?? "").split(":")];
  // Client libraries of other languages have no program; Debian keeps each package's papers in a folder of its name.
  const libraries = ["python3-kubernetes", "ruby-kubeclient"];
  const missing = [
    ...Object.entries(wanted)
      .filter(([program]) => !path.some((folder) => existsSync(join(folder, program))))
      .map(([, debianPackage]) => debianPackage),
    ...libraries.filter((debianPackage) => !existsSync(join("/usr/share/doc", debianPackage))),
  ];
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    say(
      `not installed, and only root on Debian can: ${missing.join(", ")}; tests that need them are skipped`,
    );
    return;
  }
  say(`installing Debian packages: ${missing.join(", ")}`);
  withoutStartingServices(() => {
    const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const install = () =>
      spawnSync(
        "apt-get",
        ["-o", "DPkg::Lock::Timeout=300", "install", "-y", "-qq", "--no-install-recommends", ...missing],
        {
          stdio: ["ignore", process.stderr, process.stderr],
          env: environment,
        },
      ).status === 0;
    spawnSync("apt-get", ["update", "-qq"], {
      stdio: ["ignore", process.stderr, process.stderr],
      env: environment,
    });
    if (!install()) fail(`apt-get could not install ${missing.join(", ")} (see above)`);
  });
}

/**
 * Debian's kubectl is the oldest that the tests drive. Where this machine has a kubectl of its own, Debian's is unpacked
 * beside the npm packages instead of being installed in its place.
 */
function unpackDebianKubectl() {
  const target = join(root, "node_modules/.debian");
  const installed = existsSync("/usr/share/doc/kubernetes-client");
  if (installed || existsSync(join(target, "usr/bin/kubectl")) || !existsSync("/usr/bin/apt-get")) return;
  say("unpacking Debian's kubectl");
  const scratch = mkdtempSync(join(tmpdir(), "fairlead-setup-"));
  const download = () =>
    spawnSync("apt-get", ["download", "-qq", "kubernetes-client"], {
      cwd: scratch,
      stdio: ["ignore", process.stderr, "ignore"],
    }).status === 0;
  try {
    if (!download()) {
      if (process.getuid?.() === 0) spawnSync("apt-get", ["update", "-qq"], { stdio: "ignore" });
      if (!download()) {
        if (process.getuid?.() === 0) fail("apt-get could not download kubernetes-client");
        return say("Debian's kubectl could not be downloaded; the tests run with the ones that are here");
      }
    }
    const archive = readdirSync(scratch).find((file) => file.endsWith(".deb"));
    if (spawnSync("dpkg-deb", ["-x", join(scratch, archive), target]).status !== 0)
      fail(`dpkg-deb could not unpack ${archive}`);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** The tests start their own Docker engine; one started by its package would change this machine's network. */
function withoutStartingServices(work) {
  const policy = "/usr/sbin/policy-rc.d";
  if (existsSync(policy)) return work();
  writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    return work();
  } finally {
    spawnSync("rm", ["-f", policy]);
  }
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
