// What the parts say, as Prometheus and the log see it.

import { describe, expect, test } from "bun:test";
import { createObserve } from "./observe.ts";
import type { RefusalReason } from "../vocabulary/reasons.ts";
import type { ObserveOptions, Telemetry } from "./observe.ts";

const canary = "cAnArY7291";

async function using<Result>(
  options: Partial<ObserveOptions>,
  act: (observe: Telemetry, lines: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const observe = createObserve({ level: "info", format: "json", version: "1.2.3", destination, ...options });
  try {
    return await act(observe, lines);
  } finally {
    await observe.close();
  }
}

/** The value of one series, undefined where it is absent. */
async function value(observe: Telemetry, series: string): Promise<number | undefined> {
  const line = observe
    .metrics()
    .split("\n")
    .find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

function messages(name: string): string {
  return `belfry_messages_${name}_total{dialect="socketio"}`;
}

describe("metrics", () => {
  test("clients by dialect and transport, through an upgrade, until they go", () =>
    using({}, async (observe) => {
      observe.connected("socketio", "polling");
      observe.connected("socketio", "polling");
      observe.connected("ws-hub", "websocket");
      observe.upgraded("socketio", "polling", "websocket");
      const now = 'belfry_connections{dialect="socketio",transport=';
      expect(await value(observe, `${now}"polling"}`)).toBe(1);
      expect(await value(observe, `${now}"websocket"}`)).toBe(1);
      observe.disconnected("socketio", "websocket", "slow");
      observe.disconnected("socketio", "polling", "client");
      expect(await value(observe, `${now}"polling"}`)).toBe(0);
      expect(await value(observe, `${now}"websocket"}`)).toBe(0);
      expect(await value(observe, 'belfry_connections{dialect="ws-hub",transport="websocket"}')).toBe(1);
      const total = 'belfry_connections_total{dialect="socketio",transport="polling"}';
      expect(await value(observe, total)).toBe(2);
      expect(await value(observe, 'belfry_upgrades_total{dialect="socketio"}')).toBe(1);
      expect(await value(observe, 'belfry_disconnections_total{dialect="socketio",reason="client"}')).toBe(1);
      expect(await value(observe, 'belfry_slow_consumers_total{dialect="socketio"}')).toBe(1);
      expect(await value(observe, 'belfry_slow_consumers_total{dialect="ws-hub"}')).toBe(undefined);
    }));

  test("messages and bytes, in and out", () =>
    using({}, async (observe) => {
      observe.received("socketio", 100);
      observe.received("socketio", 50);
      observe.delivered("socketio", 2_000, 120);
      observe.delivered("socketio", 0, 120);
      expect(await value(observe, messages("received"))).toBe(2);
      expect(await value(observe, messages("received_bytes"))).toBe(150);
      expect(await value(observe, messages("delivered"))).toBe(2_000);
      expect(await value(observe, messages("delivered_bytes"))).toBe(240_000);
      // A second scrape reads the same numbers and adds nothing to them.
      expect(await value(observe, messages("delivered"))).toBe(2_000);
    }));

  test("refusals, junk and errors by reason", () =>
    using({}, async (observe) => {
      observe.refused("socketio", "secret_wrong");
      observe.skipped("socketio", "not_json");
      observe.report("publish", new Error("x"));
      expect(await value(observe, 'belfry_refused_total{dialect="socketio",reason="secret_wrong"}')).toBe(1);
      expect(await value(observe, 'belfry_skipped_total{dialect="socketio",reason="not_json"}')).toBe(1);
      expect(await value(observe, 'belfry_errors_total{reason="publish"}')).toBe(1);
    }));

  test("the process: version, event loop, memory, CPU, start, lost log lines", () =>
    using({}, async (observe) => {
      expect(await value(observe, 'belfry_build_info{version="1.2.3"}')).toBe(1);
      for (const quantile of ["0.5", "0.99", "1"]) {
        expect(
          await value(observe, `belfry_event_loop_lag_seconds{quantile="${quantile}"}`),
        ).toBeGreaterThanOrEqual(0);
      }
      expect(await value(observe, "belfry_process_resident_memory_bytes")).toBeGreaterThan(1_000_000);
      expect(await value(observe, "belfry_process_cpu_seconds_total")).toBeGreaterThan(0);
      const started = (await value(observe, "belfry_process_start_time_seconds")) ?? 0;
      expect(Math.abs(started - Date.now() / 1_000)).toBeLessThan(3_600);
      expect(await value(observe, "belfry_log_lines_dropped_total")).toBe(0);
    }));

  test("a gauge is asked at each scrape; one that fails is absent, told, and harms no other", () =>
    using({}, async (observe, lines) => {
      let rooms = 3;
      observe.gauge("belfry_rooms", "Rooms", () => rooms);
      observe.gauge("belfry_bus_ready", "Ready", () => {
        throw new Error("no bus");
      });
      observe.gauge("belfry_odd", "Odd", () => Number.NaN);
      expect(await value(observe, "belfry_rooms")).toBe(3);
      rooms = 4;
      expect(await value(observe, "belfry_rooms")).toBe(4);
      expect(await value(observe, "belfry_bus_ready")).toBe(undefined);
      expect(await value(observe, "belfry_odd")).toBe(undefined);
      expect(lines[0]).toContain('"stage":"metrics","error":"Error: no bus"');
      expect(() => {
        observe.gauge("belfry_rooms", "Again", () => 0);
      }).toThrow("belfry_rooms");
    }));

  test("several gateways of one process count for themselves", () =>
    using({}, (one) =>
      using({}, async (other) => {
        one.received("socketio", 1);
        expect(await value(one, 'belfry_messages_received_total{dialect="socketio"}')).toBe(1);
        expect(await value(other, 'belfry_messages_received_total{dialect="socketio"}')).toBe(undefined);
      }),
    ));

  test("every metric has the prefix and a help text, and the text has no other lines", () =>
    using({}, async (observe) => {
      observe.connected("socketio", "polling");
      const lines = observe
        .metrics()
        .split("\n")
        .filter((line) => line !== "");
      const form =
        /^(# HELP belfry_\w+ \S.*|# TYPE belfry_\w+ (counter|gauge)|belfry_\w+(\{[^}]+\})? [-+\d.e]+)$/;
      for (const line of lines) expect(line).toMatch(form);
      const described = lines.filter((line) => line.startsWith("# HELP")).length;
      expect(described).toBe(lines.filter((line) => line.startsWith("# TYPE")).length);
      expect(described).toBeGreaterThan(15);
    }));

  test("SEC-06 labels from outside neither grow the metrics nor break a line", () =>
    using({}, async (observe) => {
      for (let index = 0; index < 5_000; index++) observe.refused("socketio", `r${index}` as RefusalReason);
      observe.refused("socketio", 'x"} 1\nbelfry_forged 1' as RefusalReason);
      const text = observe.metrics();
      expect(text.split("\n").filter((line) => line.startsWith("belfry_refused_total{"))).toHaveLength(201);
      expect(text).not.toContain("forged");
      expect(await value(observe, 'belfry_refused_total{dialect="other",reason="other"}')).toBe(4_801);
    }));

  test("T17 SEC-04 no canary in the metrics", () =>
    using({ secrets: [canary] }, async (observe) => {
      observe.report("publish", new Error(`redis://:${canary}@host`));
      observe.log("info", "stopped", { secret: canary });
      expect(observe.metrics()).not.toContain(canary);
    }));
});

describe("log lines", () => {
  test("PSQ-03 why junk was skipped is said at warn, once a minute for each reason", () => {
    let now = 1_000;
    return using({ level: "warn", now: () => now }, (observe, lines) => {
      let read = 0;
      const said = (): unknown[] => {
        const fresh = lines.slice(read);
        read = lines.length;
        return fresh.map((line) => {
          const { time: _time, ...rest } = JSON.parse(line);
          return rest;
        });
      };
      const warning = { level: "warn", event: "skipped", dialect: "socketio" };
      for (let i = 0; i < 100; i++) observe.skipped("socketio", "pickle_global", "decimal.Decimal");
      observe.skipped("socketio", "not_json");
      expect(said()).toEqual([
        { ...warning, reason: "pickle_global", detail: "decimal.Decimal" },
        { ...warning, reason: "not_json" },
      ]);
      now += 59_000;
      observe.skipped("socketio", "not_json");
      expect(said()).toEqual([]);
      now += 2_000;
      observe.skipped("socketio", "not_json");
      expect(said()).toHaveLength(1);
      return Promise.resolve();
    });
  });

  test("every refusal, skipped payload and end of a client has a debug line", () =>
    using({ level: "debug" }, (observe, lines) => {
      observe.connected("socketio", "polling");
      observe.upgraded("socketio", "polling", "websocket");
      observe.refused("socketio", "secret_wrong");
      observe.skipped("socketio", "not_json");
      observe.disconnected("socketio", "websocket", "slow");
      const dialect = "socketio";
      const records = lines.map((line) => {
        const { time: _time, level: _level, ...rest } = JSON.parse(line);
        return rest;
      });
      expect(records).toEqual([
        { event: "connected", dialect, transport: "polling" },
        { event: "upgraded", dialect, from: "polling", to: "websocket" },
        { event: "refused", dialect, reason: "secret_wrong" },
        { event: "skipped", dialect, reason: "not_json" },
        { event: "disconnected", dialect, transport: "websocket", reason: "slow" },
      ]);
      return Promise.resolve();
    }));

  test("and none of them at the level info, nor a line for a message", () =>
    using({ level: "info" }, (observe, lines) => {
      observe.connected("socketio", "polling");
      observe.refused("socketio", "secret_wrong");
      observe.received("socketio", 1);
      observe.delivered("socketio", 1, 1);
      expect(lines).toEqual([]);
      observe.log("info", "stopping", { signal: "SIGTERM" });
      expect(lines).toHaveLength(1);
      return Promise.resolve();
    }));
});

test("a room that is named by a session is shown without its key, which opens what its visitor may", () =>
  using({ names: true }, (observe, lines) => {
    observe.named?.("joined", { dialect: "ws4redis", room: `session:${canary}::cart` });
    observe.named?.("message", { rooms: `time + session:${canary}::cart`, heard: 1 });
    observe.hint("unlogged", { fields: { text: "t" }, names: { room: `session:${canary}::cart` } });
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toContain("session:…::cart");
    expect(lines.join()).not.toContain(canary);
    return Promise.resolve();
  }));
