/** connect-node writes and reads the same details. */
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient as createConnectClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { expect, it } from "vitest";
import { BadRequestSchema, detail, ErrorInfoSchema, RetryInfoSchema, unpackDetails } from "../../src/details/index.js";
import { Channel, createClient, GrpcError, Server, Status } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection } from "../support.js";

const violation = { fieldViolations: [{ field: "text", description: "too long" }] };

it("details of ours are read by connect-node", async () => {
  await using server = new Server();
  server.add(Echo, {
    say() {
      throw new GrpcError(Status.INVALID_ARGUMENT, "wrong", {
        details: [create(BadRequestSchema, violation), detail(RetryInfoSchema, { retryDelay: { seconds: 2n } })],
      });
    },
  });
  const baseUrl = `http://${await server.listen("127.0.0.1:0")}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const client = createConnectClient(Echo, createGrpcTransport({ baseUrl, sessionManager }));
  const error = ConnectError.from(await rejection(client.say({})));
  expect(error.code).toBe(Code.InvalidArgument);
  expect(error.findDetails(BadRequestSchema)).toEqual([create(BadRequestSchema, violation)]);
  expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(2n);
  sessionManager.abort();
});

it("details of connect-node are read by ours", async () => {
  const listener = http2.createServer(
    connectNodeAdapter({
      routes(router) {
        router.service(Echo, {
          say() {
            const details = [
              { desc: BadRequestSchema, value: violation },
              { desc: ErrorInfoSchema, value: { reason: "LONG" } },
            ];
            throw new ConnectError("wrong", Code.InvalidArgument, undefined, details);
          },
        });
      },
    }),
  );
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  {
    await using channel = new Channel(`127.0.0.1:${(listener.address() as AddressInfo).port}`);
    const error = await rejection(createClient(Echo, channel).say({}));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: "wrong" });
    expect(unpackDetails(error)).toEqual([
      create(BadRequestSchema, violation),
      create(ErrorInfoSchema, { reason: "LONG" }),
    ]);
  }
  await new Promise((resolve) => listener.close(resolve));
});
