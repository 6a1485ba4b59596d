/** The function `dial`: one stream, with a client of its own. */
import type { RouterStream } from "../stream/router-stream.js";
import { closeWhenDone } from "./channels.js";
import { splitOptions } from "./split-options.js";
import { type DialOptions, dialOptionNames, Trunkline, type TrunklineOptions } from "./trunkline.js";

/**
 * Dials a name at an exchange; see `Trunkline.dial`, and use a `Trunkline` for more than one. The connection ends with
 * the stream.
 */
export async function dial(name: string, options: TrunklineOptions & DialOptions): Promise<RouterStream> {
  const [client, own] = splitOptions<DialOptions>("dial", options, dialOptionNames);
  const trunkline = new Trunkline(client);
  try {
    const stream = await trunkline.dial(name, own);
    closeWhenDone(trunkline);
    return stream;
  } catch (error) {
    await trunkline.close();
    throw error;
  }
}
