// What a gateway counts, and under which names Prometheus sees it. The numbers are plain; the table below is read
// at a scrape.

import type { Metric, Sample } from "./exposition.ts";
import { Tally } from "./tally.ts";
import type { Cell } from "./tally.ts";

export class Counters {
  readonly open = new Tally(2);
  readonly connected = new Tally(2);
  readonly upgraded = new Tally(1);
  readonly disconnected = new Tally(2);
  readonly received = new Tally(1);
  readonly delivered = new Tally(1);
  readonly unheard = new Tally(1);
  readonly unlogged = new Tally(1);
  readonly skipped = new Tally(2);
  readonly refused = new Tally(2);
  readonly errors = new Tally(1);

  metrics(): readonly Metric[] {
    return [...this.#clients(), ...this.#messages(), ...this.#misses(), ...this.#failures()];
  }

  #clients(): Metric[] {
    return [
      {
        kind: "gauge",
        name: "belfry_connections",
        help: "Clients connected now",
        labels: ["dialect", "transport"],
        read: () => counts(this.open),
      },
      {
        kind: "counter",
        name: "belfry_connections_total",
        help: "Clients that connected, by the transport they began with",
        labels: ["dialect", "transport"],
        read: () => counts(this.connected),
      },
      {
        kind: "counter",
        name: "belfry_upgrades_total",
        help: "Clients that went from polling to a websocket",
        labels: ["dialect"],
        read: () => counts(this.upgraded),
      },
      {
        kind: "counter",
        name: "belfry_disconnections_total",
        help: "Clients that disconnected, by reason",
        labels: ["dialect", "reason"],
        read: () => counts(this.disconnected),
      },
      {
        kind: "counter",
        name: "belfry_slow_consumers_total",
        help: "Clients closed because they did not read their messages in time",
        labels: ["dialect"],
        read: () => slow(this.disconnected),
      },
    ];
  }

  #messages(): Metric[] {
    return [
      {
        kind: "counter",
        name: "belfry_messages_received_total",
        help: "Messages of backends that were understood",
        labels: ["dialect"],
        read: () => counts(this.received),
      },
      {
        kind: "counter",
        name: "belfry_messages_received_bytes_total",
        help: "Their size as received",
        labels: ["dialect"],
        read: () => bytes(this.received),
      },
      {
        kind: "counter",
        name: "belfry_messages_delivered_total",
        help: "Messages sent to clients, one for each client",
        labels: ["dialect"],
        read: () => counts(this.delivered),
      },
      {
        kind: "counter",
        name: "belfry_messages_delivered_bytes_total",
        help: "Their size as sent, without framing",
        labels: ["dialect"],
        read: () => bytes(this.delivered),
      },
    ];
  }

  #misses(): Metric[] {
    return [
      {
        kind: "counter",
        name: "belfry_messages_unheard_total",
        help: "Messages of backends that reached no client of this gateway",
        labels: ["dialect"],
        read: () => counts(this.unheard),
      },
      {
        kind: "counter",
        name: "belfry_messages_unlogged_total",
        help: "Messages of backends to rooms with a history that are not kept in it",
        labels: ["dialect"],
        read: () => counts(this.unlogged),
      },
    ];
  }

  #failures(): Metric[] {
    return [
      {
        kind: "counter",
        name: "belfry_refused_total",
        help: "Handshakes, joins, publishes and requests that were refused, by reason",
        labels: ["dialect", "reason"],
        read: () => counts(this.refused),
      },
      {
        kind: "counter",
        name: "belfry_skipped_total",
        help: "Payloads of the bus that were skipped as junk, by reason",
        labels: ["dialect", "reason"],
        read: () => counts(this.skipped),
      },
      {
        kind: "counter",
        name: "belfry_errors_total",
        help: "Errors in background work, by the stage that failed",
        labels: ["reason"],
        read: () => counts(this.errors),
      },
    ];
  }
}

function samples(tally: Tally, value: (cell: Cell) => number): Sample[] {
  return [...tally.cells()].map((cell) => ({ labels: cell.labels, value: value(cell) }));
}

function counts(tally: Tally): Sample[] {
  return samples(tally, (cell) => cell.count);
}

function bytes(tally: Tally): Sample[] {
  return samples(tally, (cell) => cell.bytes);
}

/** The disconnections with the reason `slow`. */
function slow(disconnected: Tally): Sample[] {
  return samples(disconnected, (cell) => cell.count)
    .filter(({ labels }) => labels[1] === "slow")
    .map(({ labels, value }) => ({ labels: labels.slice(0, 1), value }));
}
