/**
 * A real Docker engine of a test's own: dockerd in a network namespace made for it, with its data in a temporary
 * directory, so that nothing of the machine's network is touched and nothing is left, whatever happens.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { RouteSocket } from "../../src/net/rtnetlink/route-socket.ts";
import { callInNetns, deleteNetns, netnsExists } from "../../src/sys/netns.ts";
import { ALPINE_CHANGES, writeAlpineRootfs } from "./alpine-image.ts";
import { importImage, WEB_CHANGES, writeRootfs } from "./docker-image.ts";
import { needsNetns, testNetns } from "./netns.ts";

const exec = promisify(execFile);

/** The image that every engine has: a web server on port 80 that says who it is (docker-image.ts). */
export const IMAGE = "fltest/web";

/** Followed by the id of the process that the engine is for. */
const DIRECTORY_PREFIX = "fltest-docker-";

const PROGRAMS = {
  dockerd: "docker.io",
  docker: "docker.io",
  iptables: "iptables",
  busybox: "busybox-static",
  dash: "dash",
};
const PATHS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** For `test(name, { skip: needsDocker() }, ...)`: why a Docker engine cannot be had here, or false. In CI an error. */
export function needsDocker(): string | false {
  const rights = needsNetns();
  if (rights !== false) return rights;
  const missing = Object.entries(PROGRAMS).filter(([program]) => findProgram(program) === undefined);
  if (missing.length === 0) return false;
  const why = `needs ${missing.map(([program]) => program).join(", ")} (apt-get install ${missing.map(([, deb]) => deb).join(" ")})`;
  if (process.env["CI"] === "true") throw new Error(`CI must have a Docker engine: ${why}`);
  return why;
}

function findProgram(name: string): string | undefined {
  return PATHS.map((path) => join(path, name)).find((path) => existsSync(path));
}

export interface RunOptions {
  readonly name?: string;
  readonly network?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** More options of `docker run`, before the image. */
  readonly options?: readonly string[];
  /** @default {the image's web server} */
  readonly command?: readonly string[];
}

export class DockerEngine implements AsyncDisposable {
  readonly netns: string;
  readonly #directory: string;
  #daemon: ChildProcess | undefined;
  #log: string[] = [];

  /** Starts an engine with the image {@link IMAGE}. About two seconds. */
  static async start(): Promise<DockerEngine> {
    await sweep();
    const engine = new DockerEngine();
    try {
      using routes = await RouteSocket.open({ netns: engine.netns });
      routes.setLink("lo", { up: true });
      await engine.startDaemon();
      const rootfs = join(engine.#directory, "rootfs");
      writeRootfs(rootfs, findProgram("busybox")!);
      await importImage(engine.socket, rootfs, IMAGE, WEB_CHANGES);
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
    return engine;
  }

  private constructor() {
    this.netns = testNetns("docker").name;
    this.#directory = mkdtempSync(join(tmpdir(), `${DIRECTORY_PREFIX}${process.pid}-`));
    writeFileSync(join(this.#directory, "netns"), this.netns);
  }

  get socket(): string {
    return join(this.#directory, "docker.sock");
  }

  get dockerHost(): string {
    return `unix://${this.socket}`;
  }

  /** What dockerd has said. */
  get log(): string {
    return this.#log.join("\n");
  }

  /** Starts dockerd and waits until it listens. */
  async startDaemon(): Promise<void> {
    const at = (name: string): string => join(this.#directory, name);
    const args = ["--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid")];
    const path = `${PATHS.join(":")}:${process.env["PATH"] ?? ""}`;
    const daemon = callInNetns(this.netns, () =>
      spawn(findProgram("dockerd")!, [...args, "-H", this.dockerHost, "--shutdown-timeout", "3"], {
        stdio: ["ignore", "ignore", "pipe"],
        env: { ...process.env, PATH: path },
      }),
    );
    this.#daemon = daemon;
    const lines = createInterface({ input: daemon.stderr });
    await new Promise<void>((resolve, reject) => {
      lines.on("line", (line) => {
        this.#log.push(line);
        if (line.includes("API listen on")) resolve();
      });
      daemon.once("exit", (code) => {
        reject(new Error(`dockerd ended with ${code}:\n${this.#log.slice(-20).join("\n")}`));
      });
    });
  }

  /** Gives the engine the image `alpine` of walkthroughs (alpine-image.ts says what it is made of). */
  async importAlpine(): Promise<void> {
    const rootfs = join(this.#directory, "alpine");
    writeAlpineRootfs(rootfs, findProgram("busybox")!, findProgram("dash")!);
    await importImage(this.socket, rootfs, "alpine", ALPINE_CHANGES);
  }

  /** Sends the signal to dockerd and waits for its end. With SIGKILL its containers go on. */
  async stopDaemon(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const exited = once(daemon, "exit");
    daemon.kill(signal);
    await exited;
    // containerd dies with its parent; where nobody reaps it, the next engine takes it for alive by this file.
    if (signal === "SIGKILL")
      rmSync(join(this.#directory, "exec/containerd/containerd.pid"), { force: true });
  }

  /** The docker command on this engine; what it printed, trimmed. Throws with what it said on stderr. */
  async docker(...args: readonly string[]): Promise<string> {
    const { stdout } = await exec("docker", ["-H", this.dockerHost, ...args]);
    return stdout.trim();
  }

  /** `docker run -d`; the container's id. */
  run(options: RunOptions = {}): Promise<string> {
    return this.docker("run", "-d", ...this.#runArguments(options));
  }

  /** `docker create`; the container's id. */
  create(options: RunOptions = {}): Promise<string> {
    return this.docker("create", ...this.#runArguments(options));
  }

  #runArguments({ name, network, labels = {}, options = [], command = [] }: RunOptions): string[] {
    return [
      ...(name === undefined ? [] : ["--name", name]),
      ...(network === undefined ? [] : ["--network", network]),
      ...Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]),
      ...options,
      IMAGE,
      ...command,
    ];
  }

  async createNetwork(name: string, subnet: string, gateway: string, ...options: string[]): Promise<void> {
    await this.docker("network", "create", "--subnet", subnet, "--gateway", gateway, ...options, name);
  }

  async address(container: string, network: string): Promise<string> {
    const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
    return this.docker("inspect", "-f", format, container);
  }

  /** The container's network namespace, as a path for callInNetns. */
  async netnsOf(container: string): Promise<string> {
    const pid = await this.docker("inspect", "-f", "{{.State.Pid}}", container);
    return `/proc/${pid}/ns/net`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#daemon !== undefined) {
        const ids = await this.docker("ps", "-q").catch(() => "");
        if (ids !== "") await this.docker("kill", ...ids.split("\n")).catch(() => "");
        const timer = setTimeout(() => this.#daemon?.kill("SIGKILL"), 10_000);
        await this.stopDaemon();
        clearTimeout(timer);
      }
    } finally {
      await removeRest(this.#directory);
    }
  }
}

/** Removes what tests have left that were killed before they could. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(DIRECTORY_PREFIX)
      ? Number.parseInt(name.slice(DIRECTORY_PREFIX.length))
      : 0;
    if (owner > 0 && !existsSync(`/proc/${owner}`)) await removeRest(join(tmpdir(), name));
  }
}

/** What an engine leaves: dockerd, containerd, shims, processes of containers, mounts. All of it names its directory. */
async function removeRest(directory: string): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const pids = processesNaming(directory);
    if (pids.length === 0) break;
    for (const pid of pids) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${directory}/`));
  for (const mount of mounts.reverse()) execFileSync("umount", ["-l", mount]);
  const record = join(directory, "netns");
  const netns = existsSync(record) ? readFileSync(record, "utf8") : "";
  if (netns !== "" && netnsExists(netns)) deleteNetns(netns);
  rmSync(directory, { recursive: true, force: true });
}

/** Processes started for this directory, and those in the containers that it holds. */
function processesNaming(directory: string): number[] {
  const found: number[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      // A container's own processes see its root as an overlay of our data directory.
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8");
      const root = mounts.split("\n").find((line) => line.split(" ")[4] === "/") ?? "";
      if (command.includes(directory) || root.includes(directory)) found.push(pid);
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
