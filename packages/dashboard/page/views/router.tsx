/** The router itself: what it is, how full its limits are, its settings, and draining. */
import { act, leave } from "../connection.ts";
import { counted, formatBytes, formatDate, formatNumber } from "../logic/format.ts";
import { confirmFirst } from "../parts/dialog.tsx";
import { Fact } from "../parts/fact.tsx";
import { canAct, numbers, rights, settings } from "../store.ts";

/** The share of a limit from which it is shown as nearly full. */
const nearlyFull = 0.8;

export function RouterView() {
  const now = numbers.value;
  if (now === undefined) return <p class="empty">Waiting for the router …</p>;
  const isDraining = now.state === "draining";
  return (
    <div class="columns">
      <section class="card" aria-label="This router">
        <h2>This router</h2>
        <dl class="facts">
          <Fact title="Version" value={now.version} />
          <Fact title="State" value={now.state} />
          <Fact title="Started" value={formatDate(now.startedUnixMs)} />
          <Fact title="Connections" value={formatNumber(now.connections)} />
          <Fact
            title="Memory"
            value={`${formatBytes(now.residentBytes)} resident, ${formatBytes(now.heapBytes)} heap`}
          />
          <Fact title="This link may" value={rights.value === "act" ? "see and act" : "see"} />
        </dl>
        <div class="buttons">
          <button type="button" onClick={() => void leave()}>
            Sign out
          </button>
          <button type="button" class="danger" disabled={!canAct.value || isDraining} onClick={drain}>
            {isDraining ? "Draining" : "Drain …"}
          </button>
        </div>
      </section>
      <section class="card" aria-label="Limits">
        <h2>Limits</h2>
        <ul class="limits">
          {now.limits.map(({ name, used, limit }) => {
            const share = limit > 0 ? used / limit : 0;
            return (
              <li key={name}>
                <span class="what">{name}</span>
                <meter
                  min={0}
                  max={Math.max(limit, 1)}
                  value={used}
                  aria-label={name}
                  class={share >= nearlyFull ? "full" : ""}
                />
                <span class="how">
                  {formatNumber(used)} of {formatNumber(limit)}
                </span>
              </li>
            );
          })}
        </ul>
        {now.limits.length === 0 && <p class="muted">The router tells of none.</p>}
      </section>
      <section class="card wide" aria-label="Settings">
        <h2>Settings</h2>
        {settings.value.length === 0 ? (
          <p class="muted">The router tells of none.</p>
        ) : (
          <table>
            <thead>
              <tr>
                <th scope="col">Setting</th>
                <th scope="col">Value</th>
                <th scope="col">From</th>
              </tr>
            </thead>
            <tbody>
              {settings.value.map(({ name, value, origin }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{value}</td>
                  <td class="muted">{origin}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
    </div>
  );
}

function drain(): void {
  const live = numbers.value?.liveStreams ?? 0;
  confirmFirst({
    title: "Drain this router?",
    consequences:
      `It takes no new streams from now on, asks its peers to move elsewhere, and ends when its time of grace is over. ` +
      `${counted(live, "stream")} ${live === 1 ? "is" : "are"} open. This cannot be taken back.`,
    verb: "Drain",
    async run() {
      await act("drain", {});
      return "The router drains.";
    },
  });
}
