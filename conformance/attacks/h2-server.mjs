/**
 * A victim: an HTTP/2 server with its default limits. `/held` is neither read nor answered, `/endless` is answered
 * without end, anything else with its body. Prints its port as its first line.
 */
import { createSocketServer, HttpConnection } from "@trunkline/h2/node";

const server = createSocketServer({}, (socket) => {
  HttpConnection.accept(socket, async (stream) => {
    const path = (await stream.headers()).find(({ name }) => name === ":path")?.value;
    if (path === "/held") await new Promise(() => {});
    if (path === "/endless") {
      stream.sendHeaders([{ name: ":status", value: "200" }]);
      for (;;) await stream.send(new Uint8Array(16_384));
    }
    const body = await stream.body();
    stream.sendHeaders([{ name: ":status", value: "200" }]);
    await stream.send(body, true);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
