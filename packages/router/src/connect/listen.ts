/** The function `listen`: one name, with a client of its own. */
import { closeWhenDone } from "./channels.js";
import type { Listener } from "./listener.js";
import { splitOptions } from "./split-options.js";
import { type ListenerOptions, listenerOptionNames, Trunkline, type TrunklineOptions } from "./trunkline.js";

/**
 * Listens under a name at an exchange; see `Trunkline.listen`, and use a `Trunkline` for more than one. The connection
 * ends when the listener is closed and the last of its streams has ended.
 */
export async function listen(name: string, options: TrunklineOptions & ListenerOptions): Promise<Listener> {
  const [client, own] = splitOptions<ListenerOptions>("listen", options, listenerOptionNames);
  const trunkline = new Trunkline(client);
  try {
    return await trunkline.listen(name, {
      ...own,
      onState(state) {
        if (state.kind === "closed") closeWhenDone(trunkline);
        return own.onState?.(state);
      },
    });
  } catch (error) {
    await trunkline.close();
    throw error;
  }
}
