/** Header lists of connections: the public ones where they are, and own ones that reach what those do not. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Public test data (http2jp/hpack-test-case), which is not part of the project. */
const corpus = new URL("../../../shared/vectors/hpack/", import.meta.url);

/**
 * @typedef {{ name: string, value: string, neverIndexed?: boolean }} Field
 * @typedef {{ tableSizes: readonly number[], fields: readonly Field[] }} Block one header block, and the table sizes
 * that its receiver allows from then on
 * @typedef {{ title: string, blocks: readonly Block[] }} Story the blocks of one connection, in order
 */

/** @returns {Story[]} none where the public stories are not */
export function publicStories() {
  if (!existsSync(corpus)) return [];
  const folders = readdirSync(corpus, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.flatMap(({ name: folder }) =>
    readdirSync(new URL(`${folder}/`, corpus)).map((file) => {
      const { cases } = JSON.parse(readFileSync(new URL(`${folder}/${file}`, corpus), "utf8"));
      const blocks = cases.map(({ headers, header_table_size: size }) => ({
        tableSizes: typeof size === "number" ? [size] : [],
        fields: headers.flatMap((header) => Object.entries(header).map(([name, value]) => ({ name, value }))),
      }));
      return { title: `${folder}/${file}`, blocks };
    }),
  );
}

const block = (fields, ...tableSizes) => ({
  tableSizes,
  fields: fields.map(([name, value, neverIndexed = false]) => ({ name, value, neverIndexed })),
});

const call = (number) => [
  [":method", "POST"],
  [":scheme", "https"],
  [":path", `/package.Service/Method${number % 7}`],
  [":authority", "service.example:443"],
  ["te", "trailers"],
  ["content-type", "application/grpc"],
  ["user-agent", "a-client/1.0"],
  ["grpc-timeout", `${number}m`],
  ["authorization", `Bearer ${"token".repeat(40)}`],
  ["x-request-id", `${number}-${(number * 2_654_435_761) >>> 0}`],
  ["trace-bin", Buffer.from(`trace ${number}`).toString("base64")],
];

/** Each octet that a value may have; of most of them Huffman code would make more. */
const everyOctet = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet)).filter(
  (octet) => !/[\0\r\n]/.test(octet),
);

/** @returns {Story[]} */
export function ownStories() {
  return [
    { title: "own: 300 calls of a client", blocks: Array.from({ length: 300 }, (_, number) => block(call(number))) },
    {
      title: "own: lengths on both sides of every prefix, compressible and not",
      blocks: [0, 1, 2, 126, 127, 128, 129, 254, 255, 256, 16_383, 16_384, 16_510, 16_511, 65_535].map((length) =>
        block([
          ["x-compressible", "e".repeat(length)],
          ["x-other", "~".repeat(length)],
          [`x-${"n".repeat(Math.min(length, 4_000))}`, "name"],
        ]),
      ),
    },
    {
      title: "own: every octet, alone and in a row",
      blocks: [block(everyOctet.map((octet) => ["x-octet", octet])), block([["x-octets", everyOctet.join("")]])],
    },
    {
      title: "own: what is never indexed, again and again",
      blocks: Array.from({ length: 5 }, () =>
        block([
          ["cookie", "session=1"],
          ["cookie", "theme=dark"],
          ["authorization", "Basic YTpi"],
          ["x-secret", "marked by its sender", true],
          ["x-open", "known to the table"],
          ["x-open", "known to the table", true],
        ]),
      ),
    },
    {
      title: "own: table sizes that go down, up, and down and up between two blocks",
      blocks: [
        [],
        [0],
        [4_096],
        [0, 4_096],
        [100],
        [64, 1_000, 64],
        [65_536],
        [65_536, 0, 65_536],
        [33],
        [32],
        [31],
        [4_096, 4_095, 4_096],
      ].flatMap((sizes) => [block(call(1), ...sizes), block(call(2)), block(call(1))]),
    },
    {
      title: "own: more entries than the table holds",
      blocks: Array.from({ length: 40 }, (_, number) =>
        block(Array.from({ length: 30 }, (_, field) => [`x-${(number * 13 + field) % 97}`, `${field % 5}`])),
      ),
    },
  ];
}
