/**
 * What the pods of tests run: the part of Kubernetes' agnhost that its network tests ask for, `agnhost netexec`
 * (test/images/agnhost/netexec). `node netexec.ts --http-port 8080,8081 --udp-port 8081`; -1: none.
 *
 * HTTP: /hostname, /clientip, /echo?msg=, /healthz, /header?key=, /shutdown, /exit?code=,
 * /dial?host=&port=&protocol=http|udp&request=&tries=. UDP: hostname, clientip, echo TEXT.
 * With `--delay-shutdown N` it goes on for N seconds after SIGTERM.
 */
import { createSocket } from "node:dgram";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { plainAddress } from "./plain-address.ts";

/** How long one try of /dial waits for its answer, in milliseconds. */
const DIAL_TIMEOUT = 5000;

const { values } = parseArgs({
  options: {
    "http-port": { type: "string", default: "8080" },
    "udp-port": { type: "string", default: "8081" },
    "delay-shutdown": { type: "string", default: "0" },
  },
});
const hostname = process.env["HOSTNAME"] ?? "";

function ports(list: string): number[] {
  return list
    .split(",")
    .map(Number)
    .filter((port) => port > 0);
}

async function answerHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url!, "http://netexec");
  const { remoteAddress = "", remotePort = 0 } = request.socket;
  switch (pathname) {
    case "/":
      return void response.end(`NOW: ${new Date().toISOString()}`);
    case "/healthz":
      return void response.end();
    case "/hostname":
      return void response.end(hostname);
    case "/clientip":
      return void response.end(hostPort(remoteAddress, remotePort));
    case "/echo":
      return void response.writeHead(Number(query.get("code") ?? 200)).end(query.get("msg") ?? "");
    case "/header":
      return void response.end(String(request.headers[query.get("key")?.toLowerCase() ?? ""] ?? ""));
    case "/dial":
      return void response.end(JSON.stringify(await dial(query)));
    case "/shutdown":
      return process.exit(0);
    case "/exit":
      return process.exit(Number(query.get("code") ?? 0));
    default:
      return void response.writeHead(404).end();
  }
}

function hostPort(address: string, port: number): string {
  const plain = plainAddress(address);
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}

interface Dialled {
  readonly responses: string[];
  readonly errors?: string[];
}

/** Asks another netexec, `tries` times, and tells what it said. */
async function dial(query: URLSearchParams): Promise<Dialled> {
  const [host = "", port, protocol = "http", request = "hostname"] = [
    "host",
    "port",
    "protocol",
    "request",
  ].map((name) => query.get(name) ?? undefined);
  const ask = protocol === "udp" ? dialUdp : dialHttp;
  const responses: string[] = [];
  const errors: string[] = [];
  for (let left = Number(query.get("tries") ?? 1); left > 0; left--)
    await ask(host, Number(port), request).then(
      (text) => responses.push(text),
      (error: unknown) => errors.push(String(error)),
    );
  return { responses, ...(errors.length > 0 && { errors }) };
}

function dialHttp(host: string, port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = get({ host, port, path: `/${request}`, agent: false, timeout: DIAL_TIMEOUT }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve(text));
    });
    call.on("timeout", () => call.destroy(new Error("time-out")));
    call.on("error", reject);
  });
}

function dialUdp(host: string, port: number, request: string): Promise<string> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error("time-out")), DIAL_TIMEOUT);
  socket.on("error", reject);
  socket.on("message", (message) => resolve(message.toString()));
  socket.connect(port, host, () => socket.send(request));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

for (const port of ports(values["http-port"]))
  createServer((request, response) => {
    // A client that went away is not ours to mind.
    answerHttp(request, response).catch((error: unknown) => response.destroy(error as Error));
  }).listen(port, "::");

for (const port of ports(values["udp-port"])) {
  const socket = createSocket("udp6");
  socket.on("message", (message, from) => {
    const [command = "", ...rest] = message.toString().trim().split(" ");
    const answers: Record<string, string> = {
      hostname,
      clientip: hostPort(from.address, from.port),
      echo: rest.join(" "),
    };
    // As agnhost: what it does not know it does not answer.
    const answer = answers[command.toLowerCase()];
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  });
  socket.bind(port, "::");
}

process.on("SIGTERM", () => {
  setTimeout(() => process.exit(0), Number(values["delay-shutdown"]) * 1000);
});
