/**
 * What the pods of tests run: the part of Kubernetes' agnhost that its network tests ask for, `agnhost netexec`
 * (test/images/agnhost/netexec). `node netexec.ts --http-port 8080,8081 --udp-port 8081`; -1: none.
 *
 * HTTP: /hostname, /clientip, /echo?msg=, /healthz, /header?key=, /shutdown, /exit?code=. UDP: hostname, clientip, echo TEXT,
 * and, which agnhost has not, port: the one that the datagram came to.
 * With `--udp-listen-addresses` it answers datagrams from the address that they came to: a socket of any address answers from
 * the one that the route back prefers, which on a node is often another. With `--delay-shutdown N` it goes on for N seconds after SIGTERM.
 */
import { createSocket } from "node:dgram";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { plainAddress } from "./plain-address.ts";

const { values } = parseArgs({
  options: {
    "http-port": { type: "string", default: "8080" },
    "udp-port": { type: "string", default: "8081" },
    "udp-listen-addresses": { type: "string", default: "::" },
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

function answerHttp(request: IncomingMessage, response: ServerResponse): void {
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

for (const port of ports(values["http-port"])) createServer(answerHttp).listen(port, "::");

function serveUdp(address: string, port: number): void {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (message, from) => {
    const [command = "", ...rest] = message.toString().trim().split(" ");
    const answers: Record<string, string> = {
      hostname,
      clientip: hostPort(from.address, from.port),
      echo: rest.join(" "),
      port: String(port),
    };
    // As agnhost: what it does not know it does not answer.
    const answer = answers[command.toLowerCase()];
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  });
  socket.bind(port, address);
}

for (const address of values["udp-listen-addresses"].split(","))
  for (const port of ports(values["udp-port"])) serveUdp(address, port);

process.on("SIGTERM", () => {
  setTimeout(() => process.exit(0), Number(values["delay-shutdown"]) * 1000);
});
