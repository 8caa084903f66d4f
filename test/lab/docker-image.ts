/** The image of test containers, made from nothing but a static busybox: a web server that says who it is and who asks. */
import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";

const APPLETS = [
  "sh",
  "httpd",
  "nc",
  "sleep",
  "hostname",
  "echo",
  "cat",
  "kill",
  "test",
  "trap",
  "seq",
  "wget",
];

/** Answers with the name of the container and the address of the client. */
const WHO = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "$(hostname) $REMOTE_ADDR"
`;

/** Answers with the name of the container and goes on with a line every tenth of a second, as often as the query says. */
const SLOW = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
hostname
for i in $(seq "$QUERY_STRING"); do sleep 0.1; echo $i; done
`;

/**
 * A web server on port 80: /name (a file, cheap), /cgi-bin/who and /cgi-bin/slow?N. As pid 1 the shell has no default
 * action for signals, so what TERM does is said: it serves for 0.3 seconds more.
 */
const SERVE = `#!/bin/sh
trap 'sleep 0.3; exit 0' TERM
mkdir -p /www && hostname > /www/name
httpd -f -p 0.0.0.0:80 -h /www &
wait
`;

/** Puts the files of the image's root under `directory`. */
export function writeRootfs(directory: string, busybox: string): void {
  for (const path of ["bin", "www/cgi-bin", "tmp", "proc", "etc"])
    mkdirSync(join(directory, path), { recursive: true });
  copyFileSync(busybox, join(directory, "bin/busybox"));
  chmodSync(join(directory, "bin/busybox"), 0o755);
  for (const applet of [...APPLETS, "mkdir", "wait", "printf", "touch", "rm"])
    symlinkSync("busybox", join(directory, "bin", applet));
  for (const [path, text] of [
    ["bin/serve", SERVE],
    ["www/cgi-bin/who", WHO],
    ["www/cgi-bin/slow", SLOW],
  ] as const)
    writeFileSync(join(directory, path), text, { mode: 0o755 });
}

/** What the image runs: the web server. */
export const WEB_CHANGES: readonly string[] = ['CMD ["/bin/serve"]', "ENV PATH=/bin"];

/** `tar | docker import`: an image called `name`, with `changes` in the words of a Dockerfile. */
export async function importImage(
  socket: string,
  rootfs: string,
  name: string,
  changes: readonly string[],
): Promise<void> {
  const tar = spawn("tar", ["-C", rootfs, "-c", "."], { stdio: ["ignore", "pipe", "inherit"] });
  const docker = spawn(
    "docker",
    ["-H", `unix://${socket}`, "import", ...changes.flatMap((change) => ["-c", change]), "-", name],
    { stdio: ["pipe", "ignore", "inherit"] },
  );
  tar.stdout.pipe(docker.stdin);
  const [code] = (await once(docker, "close")) as [number];
  if (code !== 0) throw new Error(`docker import ended with ${code}`);
}
