/** Small proxies for tests: HTTP CONNECT and SOCKS5, which know one user. */
import net from "node:net";
import tls from "node:tls";
import type { TcpAddress } from "../../src/index.js";
import { certificateOf, serve } from "./servers.js";

/** A proxy of a test. */
export interface TestProxy {
  readonly address: TcpAddress;
  /** The targets that it was asked for, as the client has written them. */
  readonly targets: string[];
}

export interface TestProxyOptions {
  /** `"user:password"` that the client must have. */
  readonly login?: string;
  /** Goes behind the proxy's answer in the same write. */
  readonly behind?: string;
  /** Takes clients over TLS. */
  readonly secure?: boolean;
  /** The port to which every connection goes in truth. */
  readonly port?: number;
}

/** Makes a proxy for HTTP CONNECT. */
export async function httpProxy({
  login,
  behind = "",
  secure = false,
  port,
}: TestProxyOptions = {}): Promise<TestProxy> {
  const targets: string[] = [];
  const onSocket = (socket: net.Socket): void => {
    let head = "";
    socket.on("error", () => {});
    socket.on("data", function read(bytes) {
      head += bytes.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", read).pause();
      const target = /^CONNECT (\S+) HTTP\/1.1\r\n/.exec(head)?.[1] ?? "";
      const sent = /\r\nProxy-Authorization: Basic (\S+)/.exec(head)?.[1] ?? "";
      if (login !== undefined && Buffer.from(sent, "base64").toString() !== login) {
        socket.end("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      targets.push(target);
      join(socket, port ?? Number(/\d+$/.exec(target)?.[0]), `HTTP/1.1 200 Yes\r\n\r\n${behind}`);
    });
  };
  const server = secure ? tls.createServer(certificateOf("server"), onSocket) : net.createServer(onSocket);
  return { address: (await serve(server)) as TcpAddress, targets };
}

/** Makes a SOCKS5 proxy. */
export async function socksProxy({ login, behind = "", port }: TestProxyOptions = {}): Promise<TestProxy> {
  const targets: string[] = [];
  const server = net.createServer((socket) => {
    let taken = Buffer.alloc(0);
    let stage: "method" | "login" | "request" = "method";
    socket.on("error", () => {});
    socket.on("data", function read(bytes) {
      taken = Buffer.concat([taken, bytes]);
      if (stage === "method") {
        stage = login === undefined ? "request" : "login";
        socket.write(Uint8Array.of(5, login === undefined ? 0 : taken.includes(2, 2) ? 2 : 255));
      } else if (stage === "login") {
        const user = taken.subarray(2, 2 + (taken[1] ?? 0)).toString();
        const isRight = `${user}:${taken.subarray(3 + user.length).toString()}` === login;
        stage = "request";
        socket.write(Uint8Array.of(1, isRight ? 0 : 1));
      } else {
        socket.off("data", read).pause();
        const host = taken[3] === 3 ? taken.subarray(5, -2).toString() : [...taken.subarray(4, -2)].join(".");
        targets.push(`${host}:${taken.readUInt16BE(taken.length - 2)}`);
        const answer = `\x05\0\0\x01\0\0\0\0\0\0${behind}`;
        join(socket, port ?? taken.readUInt16BE(taken.length - 2), answer);
      }
      taken = Buffer.alloc(0);
    });
  });
  return { address: (await serve(server)) as TcpAddress, targets };
}

/** Serves one answer, whatever is asked; `end` closes behind it. */
export async function answering(answer: string, end = false): Promise<TcpAddress> {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => (end ? socket.end(answer, "latin1") : socket.write(answer, "latin1")));
  });
  return (await serve(server)) as TcpAddress;
}

function join(socket: net.Socket, port: number, answer: string): void {
  const far = net.connect({ host: "127.0.0.1", port }, () => {
    socket.write(answer, "latin1");
    socket.pipe(far).pipe(socket);
  });
  far.on("error", () => socket.destroy()).on("close", () => socket.destroy());
  socket.on("close", () => far.destroy());
}
