/** Starts a command line on node 24 or newer: this one if it is, else the one npm installed beside us. */
import { spawn } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import * as module from "node:module";
import { constants, homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** `load` imports the sources, which no older node can read; `name` is what the user typed. */
export async function start(name, load) {
  if (Number(process.versions.node.split(".")[0]) >= 24) {
    keepCompiledCode();
    const { main } = await load();
    await main(process.argv.slice(2));
    return;
  }
  const node = fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url));
  if (!existsSync(node)) {
    process.stderr.write(
      `${name} needs node 24 or newer, this is ${process.versions.node}: run "npm run setup" first\n`,
    );
    process.exit(1);
  }
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  // A terminal sends SIGINT to both of us; what is sent to this process alone must be passed on. It may have gone to all
  // of a group that no terminal has, and a second SIGINT would cut short what the first one ends: SIGTERM ends it as well.
  process.on("SIGINT", () => isBeforeTerminal() || child.kill("SIGTERM"));
  for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR2"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

/** Whether Ctrl-C at a terminal comes to this process (proc(5): the process group, and that of the terminal's foreground). */
function isBeforeTerminal() {
  try {
    const [, , group, , , foreground] = readFileSync("/proc/self/stat", "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return group === foreground;
  } catch {
    // No Linux: as if there were one.
    return true;
  }
}

/**
 * Keeps what node makes of our sources, so that the next start need not read types and compile again: that is most of
 * the time a start takes. In a directory that nobody but this user can write (what is in it is run), or not at all.
 * NODE_COMPILE_CACHE=<directory> and NODE_DISABLE_COMPILE_CACHE=1 are node's own, and go before it.
 */
function keepCompiledCode() {
  if (process.env.NODE_COMPILE_CACHE) return;
  try {
    // XDG base directories; for root the system's (FHS 3.0 section 5.5), whoever's home sudo left.
    const home = () => (process.geteuid() === 0 ? "/var/cache" : join(homedir(), ".cache"));
    const caches = process.env.XDG_CACHE_HOME || home();
    const directory = join(caches, "fairlead", "compiled");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const found = lstatSync(directory);
    if (!found.isDirectory() || found.uid !== process.geteuid() || (found.mode & 0o022) !== 0) return;
    module.enableCompileCache(directory);
    // Written when the process ends; one that is killed must have done it before, when the start is over. It holds the
    // event loop for 0.1 to 0.2 s, once after an installation; after that there is nothing new to write.
    setTimeout(() => module.flushCompileCache(), 15_000).unref();
  } catch {
    // No home, or none that can be written: it works without, only slower.
  }
}
