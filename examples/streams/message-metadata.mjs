// Sends messages with metadata over a plain socket: a device reports measurements, each with its unit and time, and the
// receiver answers each of them. The envelope carries what a socket does not: metadata and the boundaries of messages.
import { enveloped, MetadataStream, streamMetadata } from "@trunkline/streams";
import { connectUnix, listenUnix, temporarySocketPath } from "@trunkline/streams/node";

const place = await temporarySocketPath();
const listener = await listenUnix(place.path);

async function receiver() {
  const stream = enveloped(await listener.accept());
  for (;;) {
    const message = await stream.receiveWithMetadata();
    if (message === undefined) break; // the device is done
    const { data, metadata } = message;
    console.log(
      `${metadata.get("sensor")}: ${new DataView(data.buffer, data.byteOffset).getFloat64(0)} ${metadata.get("unit")}`,
    );
    await stream.send(new Uint8Array(), { metadata: { "answer-to": metadata.get("number") } });
  }
  await stream.close();
}

async function device() {
  // Metadata of the stream itself stays at this end and is seen through every layer above.
  const stream = new MetadataStream(enveloped(await connectUnix(place.path)), { "x-device": "board-7" });
  const measurements = [
    ["temperature", 21.5, "degree-celsius"],
    ["pressure", 1013.25, "hectopascal"],
  ];
  for (const [index, [sensor, value, unit]] of measurements.entries()) {
    const data = new Uint8Array(8);
    new DataView(data.buffer).setFloat64(0, value);
    await stream.send(data, { metadata: { sensor, unit, number: String(index) } });
    const answer = await stream.receiveWithMetadata();
    console.log(
      `${stream.extra(streamMetadata).get("x-device")}: measurement ${answer.metadata.get("answer-to")} was taken`,
    );
  }
  await stream.close();
}

await Promise.all([receiver(), device()]);
await listener.close();
await place.remove();

// Prints:
// temperature: 21.5 degree-celsius
// board-7: measurement 0 was taken
// pressure: 1013.25 hectopascal
// board-7: measurement 1 was taken
