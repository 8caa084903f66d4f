/** A backend that costs as little as possible: a fixed HTTP answer for each request, whatever it says. */
import { createServer } from "node:net";

const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
const CLOSING = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

createServer({ noDelay: true }, (socket) => {
  socket.on("data", (chunk) => {
    if (chunk.includes("Connection: close")) socket.end(CLOSING);
    else socket.write(ANSWER);
  });
  socket.on("error", () => socket.destroy());
}).listen(Number(process.argv[3]), process.argv[2], 1024, () => process.stdout.write("listening\n"));
