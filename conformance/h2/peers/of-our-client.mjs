/** Our client against real servers. */

import { setTimeout as sleep } from "node:timers/promises";
import { textOf, withOurClient } from "./our-client.mjs";
import {
  digest,
  digestOfFields,
  expect,
  largeBodyBytes,
  largeFields,
  loadRequests,
  pattern,
  requestsInFlight,
  requestsPerDrain,
} from "./samples.mjs";

const body = pattern(largeBodyBytes);
const fields = largeFields();

/**
 * A server that gives the answers of `our-server.mjs`.
 * @param {import("../../lib/cases.mjs").Cases} cases @param {string} name @param {{ url: string, ca: Buffer }} site
 */
export async function againstServer(cases, name, site) {
  const title = (what) => `our client and ${name}: ${what}`;
  await cases.run(title("trailers both ways"), () =>
    withOurClient(site, async (client) => {
      const trailers = [{ name: "x-end", value: "of the request" }];
      const answer = await client.ask("/echo", {
        body: Buffer.from("x"),
        fields: [{ name: "trailer", value: "x-end" }],
        trailers,
      });
      expect(textOf(answer.trailers, "x-digest") === digest("x"), "the digest did not come in the trailers");
      expect(
        textOf(answer.trailers, "x-your-x-end") === "of the request",
        "the request's trailer did not reach the server",
      );
    }),
  );
  await cases.run(title("large headers both ways"), () =>
    withOurClient(site, async (client) => {
      const { headers } = await client.ask("/headers", { fields });
      expect(textOf(headers, "x-fields") === digestOfFields(fields), "other fields reached the server");
      for (const { name, value } of fields) expect(textOf(headers, name) === value, `${name} came back changed`);
    }),
  );
  await cases.run(title("large bodies both ways"), () =>
    withOurClient(site, async (client) => {
      const answer = await client.ask("/echo", { body });
      expect(
        answer.body.equals(body) && textOf(answer.trailers, "x-digest") === digest(body),
        "another body came back",
      );
    }),
  );
  await cases.run(title("50 cancelled streams, and one that the server resets"), () =>
    withOurClient(site, async (client) => {
      await Promise.all(Array.from({ length: 50 }, () => client.giveUp("/endless")));
      const broken = await client.ask("/reset").catch((error) => error);
      expect(broken.code === "INTERNAL_ERROR" && broken.scope === "stream", `the reset came as ${broken}`);
      let givenUp = 0;
      for (let tries = 0; tries < 50 && givenUp < 50; tries++) {
        ({ givenUp } = JSON.parse((await client.ask("/stats")).body.toString()));
        await sleep(100);
      }
      expect(givenUp === 50, `the server has noticed ${givenUp} of 50 cancelled streams`);
    }),
  );
  await cases.run(title(`${loadRequests} requests while connections are ended in order`), () =>
    withOurClient(site, async (client) => {
      let next = 0;
      const asker = async () => {
        while (next < loadRequests)
          await client.ask(next++ % requestsPerDrain === 0 ? "/drain" : "/", { body: Buffer.from("x") });
      };
      await Promise.all(Array.from({ length: requestsInFlight }, asker));
    }),
  );
}

/**
 * Runs our client against nghttpd, which serves the file `body`, sends uploads back, and adds the trailer
 * `x-end: of the answer`. It cannot send large headers, and knows no orderly end.
 * @param {import("../../lib/cases.mjs").Cases} cases @param {string} name @param {{ url: string, ca: Buffer }} site
 */
export async function againstNghttpd(cases, name, site) {
  const title = (what) => `our client and ${name}: ${what}`;
  await cases.run(title("trailers both ways, and large bodies"), () =>
    withOurClient(site, async (client) => {
      const download = await client.ask("/body");
      expect(download.body.equals(body), `${download.body.length} bytes came of ${body.length}`);
      expect(textOf(download.trailers, "x-end") === "of the answer", "the trailer did not come");
      const upload = await client.ask("/body", { body, trailers: [{ name: "x-end", value: "of the request" }] });
      expect(upload.body.equals(body), `${upload.body.length} bytes came back of ${body.length}`);
    }),
  );
  await cases.run(title("large headers of the request"), () =>
    withOurClient(site, async (client) => {
      expect((await client.ask("/small", { fields })).body.toString() === "hello\n", "another answer came");
    }),
  );
  await cases.run(title("50 cancelled streams"), () =>
    withOurClient(site, async (client) => {
      await Promise.all(Array.from({ length: 50 }, () => client.giveUp("/body")));
      expect((await client.ask("/small")).body.toString() === "hello\n", "another answer came");
    }),
  );
  await cases.run(title(`${loadRequests} requests on one connection`), () =>
    withOurClient(site, async (client) => {
      let next = 0;
      const asker = async () => {
        while (next++ < loadRequests) await client.ask("/small");
      };
      await Promise.all(Array.from({ length: requestsInFlight }, asker));
    }),
  );
}
