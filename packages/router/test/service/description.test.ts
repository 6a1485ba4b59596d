/** The health of a router, and the description of its services. */
import { Channel, createClient, Status } from "@trunkline/grpc";
import { HealthService } from "@trunkline/grpc/health";
import { ServerReflection } from "@trunkline/grpc/reflection";
import { describe, expect, test } from "vitest";
import { Router, type RouterOptions } from "../../src/index.js";

const keys = [{ secret: "a key of 32 bytes for these tests" }];
const services = ["jumpstarter.v1.RouterService", "trunkline.v1.ExchangeService"];

async function routerWith(options: Partial<RouterOptions> = {}): Promise<{ router: Router; channel: Channel }> {
  const router = new Router({ keys, ...options });
  return { router, channel: new Channel(await router.listen("127.0.0.1:0")) };
}

describe("the health of a router", () => {
  test("is told without a token, for the whole and for both of its services", async () => {
    const { router, channel } = await routerWith();
    const client = createClient(HealthService, channel);
    for (const service of ["", ...services]) expect((await client.check({ service })).status).toBe(1);
    await channel.close();
    await router.close();
  });

  test("is not serving once it closes, and nobody who watches holds it up", async () => {
    const { router, channel } = await routerWith();
    const watch = createClient(HealthService, channel).watch.open();
    await watch.send({ service: services[0] as string });
    expect((await watch.receive())?.status).toBe(1);
    const closed = router.close({ closeTimeoutMs: 3_600_000 });
    expect((await watch.receive())?.status).toBe(2);
    await expect(watch.receive()).rejects.toMatchObject({ status: Status.UNAVAILABLE });
    await closed;
    await channel.close();
  });
});

describe("the services of a router", () => {
  const question = { messageRequest: { case: "fileContainingSymbol", value: services[0] as string } } as const;

  test("are described, as those of Jumpstarter's are, on whichever of several addresses", async () => {
    const router = new Router({ keys });
    const addresses = await Promise.all([router.listen("127.0.0.1:0"), router.listen("127.0.0.1:0")]);
    for (const address of addresses) {
      const channel = new Channel(address);
      const client = createClient(ServerReflection, channel);
      const list = { messageRequest: { case: "listServices", value: "" } } as const;
      const answers = [];
      for await (const { messageResponse } of client.serverReflectionInfo([list, question]))
        answers.push(messageResponse);
      expect(answers[0]?.case === "listServicesResponse" && answers[0].value.service.map(({ name }) => name)).toEqual(
        expect.arrayContaining(services),
      );
      expect(answers[1]?.case).toBe("fileDescriptorResponse");
      await channel.close();
    }
    await router.close();
  });

  test("are described to nobody with reflection: false", async () => {
    const { router, channel } = await routerWith({ reflection: false });
    const answers = createClient(ServerReflection, channel).serverReflectionInfo([question]);
    await expect(answers[Symbol.asyncIterator]().next()).rejects.toMatchObject({ status: Status.UNIMPLEMENTED });
    await channel.close();
    await router.close();
  });
});
