/**
 * Makes TCP connections from the network namespace it was started in, as told over IPC by prober.ts: each one new, one
 * request of HTTP/1.0 on it, read to its end.
 */
import { connect } from "node:net";
import type { Answer, ProbeCommand, ProbeTarget } from "./prober.ts";

/** A connection that is not answered by then counts as failed. Milliseconds. */
const LIMIT = 5000;

let loading: NodeJS.Timeout | undefined;
let loaded: Promise<Answer>[] = [];

process.on("message", (command: ProbeCommand) => {
  void answer(command).then((answers) => process.send!({ id: command.id, answers }));
});
process.on("disconnect", () => process.exit());

async function answer(command: ProbeCommand): Promise<Answer[]> {
  if (command.type === "burst") return burst(command);
  if (command.type === "start") {
    startLoad(command);
    return [];
  }
  clearTimeout(loading);
  loading = undefined;
  const answers = await Promise.all(loaded);
  loaded = [];
  return answers;
}

async function burst({
  count,
  concurrency,
  ...target
}: ProbeTarget & { count: number; concurrency: number }): Promise<Answer[]> {
  const answers: Answer[] = [];
  let left = count;
  const work = async (): Promise<void> => {
    while (left-- > 0) answers.push(await request(target));
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return answers;
}

/** As many requests as the rate asks for by now, whether those before are answered or not. */
function startLoad({ rate, ...target }: ProbeTarget & { rate: number }): void {
  const started = performance.now();
  let sent = 0;
  const send = (): void => {
    for (const due = ((performance.now() - started) * rate) / 1000; sent < due; sent++)
      loaded.push(request(target));
    loading = setTimeout(send, 1);
  };
  send();
}

function request({ host, port, path }: ProbeTarget): Promise<Answer> {
  const at = performance.timeOrigin + performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let text = "";
    const finish = (error?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      const end = performance.timeOrigin + performance.now();
      const [head = "", body = ""] = text.split("\r\n\r\n");
      const said = body.trim();
      if (error === undefined && /^HTTP\/1\.[01] 200 /.test(head))
        resolve({ at, end, said, error: undefined });
      else resolve({ at, end, said, error: error ?? `answered ${JSON.stringify(head.split("\r\n")[0])}` });
    };
    const timer = setTimeout(() => finish("time-out"), LIMIT);
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.write(`GET ${path} HTTP/1.0\r\n\r\n`));
    socket.on("data", (chunk: string) => (text += chunk));
    socket.on("end", () => finish());
    socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  });
}
