/**
 * A target in a process of its own: it sends back what comes, and after the end of that goes on by itself until it is
 * told to finish. Its parent is told of each connection that says something, and how it ended.
 */
import { createServer } from "node:net";

const period = 251;
const pattern = Uint8Array.from({ length: 1_024 + period }, (_, index) => index % period);
let finishing = false;
let connections = 0;

const server = createServer({ allowHalfOpen: true }, (socket) => {
  let number = -1;
  let sent = 0;
  let whole = false;
  let failure;
  socket.on("data", (chunk) => {
    if (number < 0) number = connections++;
    sent += chunk.length;
    if (socket.write(chunk)) return;
    socket.pause();
    socket.once("drain", () => socket.resume());
  });
  socket.on("end", () => {
    if (number < 0) return socket.end();
    process.send({ kind: "input-ended", number });
    const timer = setInterval(() => {
      if (finishing) {
        whole = true;
        clearInterval(timer);
        socket.end();
      } else if (socket.writableLength === 0) {
        socket.write(pattern.subarray(sent % period, (sent % period) + 1_024));
        sent += 1_024;
      }
    }, 20);
    socket.on("close", () => clearInterval(timer));
  });
  socket.on("error", (error) => {
    failure = error.code;
  });
  socket.on("close", () => {
    if (number >= 0 && process.connected)
      process.send({ kind: "closed", number, how: failure ?? (whole ? "end" : "cut"), sent });
  });
});
process.on("message", () => {
  finishing = true;
});
process.on("disconnect", () => process.exit());
server.listen(Number(process.argv[2]), "127.0.0.1", () =>
  process.send({ kind: "listening", port: server.address().port }),
);
