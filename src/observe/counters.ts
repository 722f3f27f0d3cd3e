// What a gateway counts, and under which names Prometheus sees it. The numbers are plain; the table below is read at a
// scrape.

import type { Metric } from "./exposition.ts";
import { Tally } from "./tally.ts";

type Row = readonly [name: Metric["name"], help: string, tally: Tally, value?: "count" | "bytes"];

export class Counters {
  readonly open = new Tally("dialect", "transport");
  readonly connected = new Tally("dialect", "transport");
  readonly upgraded = new Tally("dialect");
  readonly disconnected = new Tally("dialect", "reason");
  readonly slow = new Tally("dialect");
  readonly received = new Tally("dialect");
  readonly delivered = new Tally("dialect");
  readonly unheard = new Tally("dialect");
  readonly unlogged = new Tally("dialect");
  readonly refused = new Tally("dialect", "reason");
  readonly skipped = new Tally("dialect", "reason");
  readonly returned = new Tally("dialect", "reason");
  readonly webhookRequests = new Tally("reason");
  readonly webhookEvents = new Tally("reason");
  readonly errors = new Tally("reason");

  metrics(): readonly Metric[] {
    return [...this.#clients(), ...this.#messages(), ...this.#webhooks()].map(
      ([name, help, tally, value = "count"]) => ({
        name,
        help,
        labels: tally.labels,
        read: () => [...tally.cells()].map((cell) => ({ labels: cell.labels, value: cell[value] })),
      }),
    );
  }

  #clients(): readonly Row[] {
    return [
      ["belfry_connections", "Clients connected now", this.open],
      [
        "belfry_connections_total",
        "Clients that connected, by the transport they began with",
        this.connected,
      ],
      ["belfry_returns_total", "Clients that came back and showed their session, by reason", this.returned],
      ["belfry_upgrades_total", "Clients that went from polling to a websocket", this.upgraded],
      ["belfry_disconnections_total", "Clients that disconnected, by reason", this.disconnected],
      [
        "belfry_slow_consumers_total",
        "Clients closed because they did not read their messages in time",
        this.slow,
      ],
    ];
  }

  #messages(): readonly Row[] {
    const { received, delivered } = this;
    const unlogged = "Messages of backends to rooms with a history that are not kept in it";
    const refused = "Handshakes, joins, publishes and requests that were refused, by reason";
    return [
      ["belfry_messages_received_total", "Messages of backends that were understood", received],
      ["belfry_messages_received_bytes_total", "Their size as received", received, "bytes"],
      ["belfry_messages_delivered_total", "Messages sent to clients, one for each frame", delivered],
      ["belfry_messages_delivered_bytes_total", "Their size as sent, without framing", delivered, "bytes"],
      [
        "belfry_messages_unheard_total",
        "Messages of backends that reached no client of this gateway",
        this.unheard,
      ],
      ["belfry_messages_unlogged_total", unlogged, this.unlogged],
      ["belfry_refused_total", refused, this.refused],
      ["belfry_skipped_total", "Payloads of the bus that were skipped as junk, by reason", this.skipped],
      ["belfry_errors_total", "Errors in background work, by the stage that failed", this.errors],
    ];
  }

  #webhooks(): readonly Row[] {
    return [
      ["belfry_webhook_requests_total", "Requests to webhooks, by what became of them", this.webhookRequests],
      [
        "belfry_webhook_events_total",
        "Events that webhooks took (ok), or that are dead letters, by reason",
        this.webhookEvents,
      ],
    ];
  }
}
