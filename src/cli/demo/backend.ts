/** The demo's backend, run as a pod: an HTTP server at POD_IP:PORT that says who answered and who asked. */
import { createServer } from "node:http";

const server = createServer((request, response) => {
  const { localAddress, localPort, remoteAddress } = request.socket;
  response.setHeader("content-type", "application/json");
  response.end(
    `${JSON.stringify({ pod: process.env["POD_NAME"], endpoint: `${localAddress}:${localPort}`, client: remoteAddress })}\n`,
  );
});

server.listen(Number(process.env["PORT"]), process.env["POD_IP"]);
process.on("SIGTERM", () => server.close());
