/**
 * An image for walkthroughs whose commands say `alpine`. Nothing of Alpine's is in it: its programs are Debian's busybox
 * (the one that is linked statically), `sh` is Debian's dash, for busybox's own shell, as Debian builds that one, runs
 * its applets without looking into PATH, and `nc` is the script below, for Alpine's takes options that Debian's has not.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Alpine's nc (busybox with NC_110_COMPAT, networking/nc_bloaty.c) in terms of Debian's (networking/nc.c): connections
 * and listeners are that one's, options and texts are as those of the other, compared with busybox 1.35 built with
 * NC_110_COMPAT. With one -v a refused connection is told by the exit status alone, as there. TCP, and addresses only.
 */
const NC = `#!/bin/sh
usage() { echo "nc: $1 is not among what this stand-in for Alpine's nc has: [-lk] [-p PORT] [-e PROG] [-znv] [-w SEC] [ADDRESS PORT]" >&2; exit 1; }
listen= keep= zero= verbose=0 port= limit= program=
while getopts :lkznvp:w:e: option; do
  case $option in
    l) listen=-l ;; k) keep=l ;; z) zero=yes ;; n) ;; v) verbose=$((verbose + 1)) ;;
    p) port=$OPTARG ;; w) limit=$OPTARG ;; e) program=$OPTARG ;;
    *) usage "-$OPTARG" ;;
  esac
done
shift $((OPTIND - 1))
if [ -n "$listen" ]; then
  [ "$verbose" = 0 ] || usage "-v with -l"
  [ -z "$keep" ] || [ -n "$program" ] || usage "-lk without -e"
  exec /bin/busybox nc $listen$keep -p "$port" \${program:+-e "$program"}
fi
[ $# = 2 ] || usage "$# words"
case $1 in *[!0-9.]*) echo "nc: bad address '$1'" >&2; exit 1 ;; esac
if [ -z "$zero" ]; then
  exec /bin/busybox nc \${limit:+-w "$limit"} "$1" "$2" \${program:+-e "$program"}
fi
said=$(/bin/busybox nc \${limit:+-w "$limit"} "$1" "$2" -e /bin/true 2>&1) && {
  [ "$verbose" = 0 ] || echo "$1 ($1:$2) open" >&2
  exit 0
}
case $said in "nc: timed out") said="Operation timed out" ;; *) said=\${said##*: } ;; esac
if [ "$verbose" -gt 1 ] || { [ "$verbose" = 1 ] && [ "$said" != "Connection refused" ]; }; then
  echo "nc: $1 ($1:$2): $said" >&2
fi
exit 1
`;

/** As alpine's own. */
export const ALPINE_CHANGES: readonly string[] = [
  'CMD ["/bin/sh"]',
  "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
];

/** Puts the files of the image's root under `directory`. `dash`: with its libraries, at their paths. */
export function writeAlpineRootfs(directory: string, busybox: string, dash: string): void {
  for (const path of ["bin", "tmp", "proc", "etc", "root", "dev", "sys", "var"])
    mkdirSync(join(directory, path), { recursive: true });
  const bin = (name: string): string => join(directory, "bin", name);
  copyFileSync(busybox, bin("busybox"));
  copyFileSync(dash, bin("sh"));
  for (const program of ["busybox", "sh"]) chmodSync(bin(program), 0o755);
  for (const applet of execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n"))
    if (!["busybox", "sh", "nc"].includes(applet)) symlinkSync("busybox", bin(applet));
  writeFileSync(bin("nc"), NC, { mode: 0o755 });
  for (const library of librariesOf(dash)) {
    mkdirSync(join(directory, dirname(library)), { recursive: true });
    copyFileSync(library, join(directory, library));
  }
}

/** The files that the dynamic linker maps, the linker itself included: the absolute paths in what ldd prints. */
function librariesOf(program: string): string[] {
  const said = execFileSync("ldd", [program], { encoding: "utf8" });
  return [...said.matchAll(/(?<=\s)\/\S+/g)].map(([path]) => path);
}
