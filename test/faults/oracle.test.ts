// The oracle's own test: a history without a fault passes, and each of the mutants is caught for what it is (R5).

import { describe, expect, test } from "bun:test";
import { Book } from "./book.ts";
import type { Fault, Heard, HistoryEvent, Joined } from "./history.ts";
import { judge as judgeBook } from "./oracle.ts";
import type { Findings } from "./oracle.ts";
import { isPassed } from "./report.ts";

const [tape, log] = ["tape", "log:1"];
/** A publication in each room every so many ms, for so long. */
const everyMs = 100;
const count = 400;
/** The client `away` is gone from here to there, and gets all of it back. */
const [leaves, returns] = [5_050, 7_050];
/** The gateway of the client `cutOff` hears nothing from here to there, and says so a second later. */
const [cuts, heals] = [12_050, 14_050];

const judge = (history: readonly HistoryEvent[]): Findings => judgeBook(Book.of(history));

const placeOf = (room: string, number: number): string =>
  room === log ? `epoch:${number}.tag${number}` : `marker.${number}`;

function* publicationsOf(room: string): Generator<HistoryEvent> {
  for (let number = 1; number <= count; number++) {
    const [id, t] = [`${room}#${number}`, number * everyMs];
    yield { kind: "said", t, id, room, publisher: `${room}-p`, number };
    yield { kind: "taken", t: t + 5, id, at: room === log ? placeOf(room, number) : undefined };
  }
}

function joined(client: string, room: string, more: Partial<Joined> & { readonly t: number }): Joined {
  const gateway = client === "cutOff" ? "two" : "one";
  return { kind: "joined", client, room, gateway, asked: more.t - 10, at: placeOf(room, 0), ...more };
}

function* clientIn(client: string, room: string): Generator<HistoryEvent> {
  yield joined(client, room, { t: 10 });
  const lastBefore = Math.floor(leaves / everyMs);
  if (client === "away") {
    if (room === tape) yield { kind: "left", t: leaves, client };
    yield joined(client, room, { t: returns, shown: placeOf(room, lastBefore), recovered: true });
  }
  for (let number = 1; number <= count; number++) {
    const t = number * everyMs + 8;
    if (client === "cutOff" && t > cuts && t < heals) continue;
    const late = client === "away" && t > leaves && t < returns ? returns + number / 1_000 : t;
    yield { kind: "heard", t: late, client, room, id: `${room}#${number}`, at: placeOf(room, number) };
  }
  if (client === "cutOff") yield { kind: "gap", t: heals + 1_000, client, room };
}

function honest(): HistoryEvent[] {
  const entries = Object.fromEntries(
    Array.from({ length: count }, (_, index) => [index + 1, `${log}#${index + 1}`]),
  );
  const fault = {
    kind: "fault",
    t: cuts,
    until: heals,
    name: "cut",
    gateway: "two",
    breaks: ["line"],
  } as const;
  const events: HistoryEvent[] = [
    fault,
    { kind: "logged", t: count * everyMs + 9, room: log, epoch: "epoch", entries },
  ];
  for (const room of [tape, log]) {
    events.push(...publicationsOf(room));
    for (const client of ["steady", "away", "cutOff"]) events.push(...clientIn(client, room));
  }
  return inOrder(events);
}

function inOrder(events: readonly HistoryEvent[]): HistoryEvent[] {
  return [...events].sort((a, b) => a.t - b.t);
}

/** Takes some of the events out or puts others in their place. */
function change(map: (event: HistoryEvent) => readonly HistoryEvent[]): readonly HistoryEvent[] {
  return inOrder(honest().flatMap(map));
}

const isHeard = (event: HistoryEvent, client: string, id: string): event is Heard =>
  event.kind === "heard" && event.client === client && event.id === id;

const isReturn = (event: HistoryEvent): event is Joined =>
  event.kind === "joined" && event.client === "away" && event.t === returns;

type Mutant = readonly [name: string, found: keyof Findings, history: () => readonly HistoryEvent[]];

const mutants: readonly Mutant[] = [
  [
    "skips one live",
    "lost",
    () => change((event) => (isHeard(event, "steady", `${tape}#60`) ? [] : [event])),
  ],
  [
    "skips one of those missed",
    "falselyRecovered",
    () => change((event) => (isHeard(event, "away", `${tape}#60`) ? [] : [event])),
  ],
  [
    "skips the last one missed of a log",
    "falselyRecovered",
    () => change((event) => (isHeard(event, "away", `${log}#70`) ? [] : [event])),
  ],
  [
    "repeats one",
    "repeated",
    () =>
      change((event) =>
        isHeard(event, "steady", `${log}#60`) ? [event, { ...event, t: event.t + 50 }] : [event],
      ),
  ],
  [
    "gives back the one that was heard last",
    "repeated",
    () =>
      change((event) => (isHeard(event, "away", `${tape}#50`) ? [event, { ...event, t: returns }] : [event])),
  ],
  [
    "swaps two",
    "reordered",
    () =>
      change((event) =>
        isHeard(event, "steady", `${tape}#60`) ? [{ ...event, t: event.t + 150 }] : [event],
      ),
  ],
  [
    "delivers what was not said",
    "reordered",
    () =>
      change((event) =>
        isHeard(event, "steady", `${tape}#60`) ? [event, { ...event, id: "made#1" }] : [event],
      ),
  ],
  [
    "does not tell a gap",
    "lost",
    () => change((event) => (event.kind === "gap" && event.room === tape ? [] : [event])),
  ],
  [
    "tells the gap of another room",
    "lost",
    () => change((event) => (event.kind === "gap" ? [{ ...event, room: log }] : [event])),
  ],
  [
    "tells a gap too early",
    "lost",
    () => change((event) => (event.kind === "gap" ? [{ ...event, t: cuts + 10 }] : [event])),
  ],
  [
    "tells a gap too late",
    "late",
    () => change((event) => (event.kind === "gap" ? [{ ...event, t: heals + 7_000 }] : [event])),
  ],
  [
    "delivers one too late",
    "late",
    () =>
      change((event) =>
        isHeard(event, "steady", `${tape}#60`) ? [{ ...event, t: event.t + 6_000 }] : [event],
      ),
  ],
  [
    "says recovered, and gives nothing back",
    "falselyRecovered",
    () =>
      change((event) =>
        event.kind === "heard" && event.client === "away" && event.t >= returns && event.t < returns + 1
          ? []
          : [event],
      ),
  ],
  [
    "says recovered while it is cut off, and never takes it back",
    "falselyRecovered",
    () => [
      ...change((event) => (isReturn(event) || isHeard(event, "away", `${log}#60`) ? [] : [event])),
      ...[tape, log].map((room) =>
        joined("away", room, { t: returns, shown: placeOf(room, 50), recovered: true, gateway: "two" }),
      ),
      { kind: "fault", t: 5_500, until: 7_500, name: "cut", gateway: "two", breaks: ["line"] } as const,
    ],
  ],
  [
    "does not recover what is kept",
    "notRecovered",
    () => change((event) => (isReturn(event) ? [{ ...event, recovered: false, reason: "gap" }] : [event])),
  ],
  [
    "takes no position, and recovers nothing",
    "notRecovered",
    () =>
      change((event) => (isReturn(event) ? [{ ...event, shown: undefined, recovered: undefined }] : [event])),
  ],
  [
    "gives two publications one place",
    "misplaced",
    () =>
      change((event) =>
        isHeard(event, "steady", `${log}#60`) ? [{ ...event, at: placeOf(log, 61) }] : [event],
      ),
  ],
  [
    "loses what it said is stored",
    "misplaced",
    () =>
      change((event) =>
        event.kind === "logged" ? [{ ...event, entries: { ...event.entries, 60: "" } }] : [event],
      ),
  ],
  [
    "stores one publication twice",
    "misplaced",
    () =>
      change((event) =>
        event.kind === "logged"
          ? [{ ...event, entries: { ...event.entries, [count + 1]: `${log}#60` } }]
          : [event],
      ),
  ],
  [
    "takes one into its queue, and loses it",
    "misplaced",
    () =>
      change((event) => {
        if (event.kind === "logged") return [{ ...event, entries: { ...event.entries, 60: "other" } }];
        return event.kind === "taken" && event.id === `${log}#60`
          ? [{ ...event, at: undefined, isQueued: true }]
          : [event];
      }),
  ],
  [
    "leaves one in its queue",
    "misplaced",
    () => inOrder([...honest(), { kind: "queued", t: count * everyMs + 10, waiting: 1, refused: 0 }]),
  ],
  [
    "stores one key twice",
    "misplaced",
    () =>
      change((event) =>
        event.kind === "taken" && event.id === `${log}#60`
          ? [event, { ...event, t: event.t + 50, at: "epoch:999.tag" }]
          : [event],
      ),
  ],
];

test("R5 a history without a fault passes, and everything in it was looked at", () => {
  const findings = judge(honest());
  expect(isPassed(findings)).toBe(true);
  expect(findings).toMatchObject({
    publications: 2 * count,
    returns: 2,
    recoverable: 2,
    recovered: 2,
    told: 2,
    faults: 1,
  });
  expect(findings.deliveries).toBe(6 * count - 2 * 20);
});

describe("R5 the oracle catches a gateway that", () => {
  test.each(mutants)("%s (%s)", (_, found, history) => {
    const findings = judge(history());
    expect(isPassed(findings)).toBe(false);
    expect(findings[found]).not.toBeEmpty();
  });
});

describe("a page of Socket.IO that comes back as a new one", () => {
  const isAnew = (event: HistoryEvent): boolean => isReturn(event) && event.room === log;
  const back = (more: Partial<Joined>, breaks: Partial<Fault> = {}): Findings =>
    judge(
      change((event) => {
        if (event.kind === "fault") return [{ ...event, ...breaks }];
        return isAnew(event) && event.kind === "joined"
          ? [{ ...event, recovered: undefined, source: "tape", ...more }]
          : [event];
      }),
    );

  test("counts apart where it had received no event", () => {
    expect(back({ isPlaceless: true })).toMatchObject({ recoverable: 1, placeless: 1, notRecovered: [] });
    expect(back({})).toMatchObject({ recoverable: 2, placeless: 0, notRecovered: [expect.any(String)] });
  });

  test("is not due where the tape broke, though its room has a log", () => {
    const broken = { gateway: "one", t: 500, until: 1_100 };
    expect(back({}, broken)).toMatchObject({ recoverable: 0, notRecovered: [] });
    expect(back({ source: undefined }, { ...broken, until: 900 }).notRecovered).toHaveLength(1);
  });

  test("is not due where the store took no sessions meanwhile; other clients are", () => {
    const full = { gateway: undefined, t: 2_000, until: 2_500, breaks: ["sessions"] } as const;
    expect(back({}, full).notRecovered).toEqual([]);
    expect(back({ source: undefined }, full).notRecovered).toHaveLength(1);
  });

  test("is due where it was cut off before it was in its room, and not the next time", () => {
    const passed = { t: returns - 500, gateway: "one", source: "tape" } as const;
    const gap = { kind: "gap", t: returns - 480, client: "away", room: tape, passed } as const;
    const anew = change((event) =>
      isReturn(event) && event.room === tape ? [gap, { ...event, recovered: undefined }] : [event],
    );
    const findings = judge(inOrder(anew));
    expect(findings.notRecovered).toEqual([expect.stringContaining(`${tape} of one at 6.55 s`)]);
  });
});

describe("a gateway that is replaced while a client is away", () => {
  const restart = { name: "restart", kind: "fault", gateway: "one", breaks: [], isRestart: true } as const;
  const forgetful = (more: readonly HistoryEvent[]): Findings =>
    judge(
      inOrder([
        ...change((event) =>
          isReturn(event) && event.room === tape ? [{ ...event, recovered: false }] : [event],
        ),
        ...more,
      ]),
    );
  const [t, until] = [leaves + 100, returns - 100];

  test("has what another one kept", () => {
    expect(forgetful([{ ...restart, t, until }]).notRecovered).toHaveLength(1);
  });

  test("has it from one that was itself replaced before, and not from one that was cut off then", () => {
    const before = { t: 900, until: 1_200, gateway: "two" } as const;
    const both = [
      { ...restart, ...before },
      { ...restart, t, until },
    ] as const;
    expect(forgetful(both).notRecovered).toHaveLength(1);
    const cutOff = { ...before, kind: "fault", name: "cut", breaks: ["line"] } as const;
    expect(forgetful([cutOff, { ...restart, t, until }]).notRecovered).toEqual([]);
  });

  test("has nothing where it was alone", () => {
    const all = { kind: "fault", name: "all", breaks: ["line"], t, until } as const;
    expect(forgetful([all]).notRecovered).toEqual([]);
  });
});

test("a client that joins anew on its connection, because the store was lost, is not due", () => {
  const lost = { kind: "fault", name: "empty", breaks: ["line", "store"], t: 20_000, until: 20_300 } as const;
  const again = joined("steady", tape, { t: 21_000, recovered: false });
  const later = joined("steady", tape, { t: 38_500, recovered: true });
  const end = { kind: "left", t: 38_000, client: "steady" } as const;
  expect(judge(inOrder([...honest(), lost, again, end, later])).notRecovered).toEqual([]);
});

describe("a gateway that was cut off", () => {
  test("has from another one what it missed, once it had the time to take it over", () => {
    const after = (late: number, more: readonly HistoryEvent[] = []): Findings =>
      judge(
        inOrder([
          ...more,
          ...change((event) => {
            if (event.kind === "fault") return [{ ...event, gateway: "one", t: 500, until: returns - late }];
            return isReturn(event) && event.room === tape ? [{ ...event, recovered: false }] : [event];
          }),
        ]),
      );
    expect(after(5_900).notRecovered).toEqual([]);
    expect(after(6_100).notRecovered).toHaveLength(1);
    const other = {
      kind: "fault",
      name: "cut",
      breaks: ["line"],
      gateway: "two",
      t: 700,
      until: 800,
    } as const;
    expect(after(6_100, [other]).notRecovered).toEqual([]);
  });
});

describe("I10 no fault of the gateway:", () => {
  test("one that cannot know yet says recovered, and takes it back in time", () => {
    const history = change((event) =>
      event.kind === "fault" ? [{ ...event, t: 5_500, until: 7_500 }] : [event],
    );
    const back = history.flatMap((event): readonly HistoryEvent[] => {
      if (isReturn(event))
        return [
          { ...event, gateway: "two" },
          { kind: "gap", t: 9_000, client: "away", room: event.room },
        ];
      return event.kind === "heard" && event.client === "away" && event.t >= returns && event.t < returns + 1
        ? []
        : [event];
    });
    expect(judge(inOrder(back)).falselyRecovered).toEqual([]);
  });

  test("a client that was cut off in the midst of what it missed comes back for the rest", () => {
    const history = change((event) => {
      const isRest =
        event.kind === "heard" && event.client === "away" && event.t > returns && event.t < returns + 0.5;
      return isRest && Number(event.id.split("#")[1]) > 60 ? [{ ...event, t: returns + 200 }] : [event];
    });
    const again = [tape, log].map((room) =>
      joined("away", room, { t: returns + 100, shown: placeOf(room, 60), recovered: true }),
    );
    const findings = judge(
      inOrder([...history, { kind: "left", t: returns + 0.5, client: "away" }, ...again]),
    );
    expect([findings.falselyRecovered, findings.lost, findings.late]).toEqual([[], [], []]);
  });

  test("what waits in a queue while a client comes back is said later: its loss is told with the next return", () => {
    const [saidAt, leavesAgain, comesAgain] = [returns + 1_500, returns + 1_000, returns + 3_000];
    const history = (isQueued: boolean): readonly HistoryEvent[] => {
      const rest = change((event) => {
        if (event.kind === "taken" && event.id === `${log}#60`)
          return [{ ...event, at: undefined, isQueued }];
        if (event.kind !== "heard" || event.room !== log) return [event];
        const isMissed = event.client === "away" && event.t > leavesAgain && event.t < comesAgain;
        const isSixty = event.id === `${log}#60`;
        if (isMissed || (isSixty && event.client === "away")) return [];
        return isSixty ? [{ ...event, t: saidAt }] : [event];
      });
      const again = joined("away", log, { t: comesAgain, recovered: false, reason: "gap" });
      return inOrder([...rest, { kind: "left", t: leavesAgain, client: "away" }, again]);
    };
    expect(judge(history(true)).falselyRecovered).toEqual([]);
    expect(judge(history(false)).falselyRecovered).not.toEqual([]);
  });

  test("a store that was lost takes a publisher's key again", () => {
    const history = change((event) => {
      if (event.kind === "taken" && event.id === `${log}#60`)
        return [{ ...event, t: event.t + 400, at: "other:1.tag" }];
      if (event.kind === "heard" && event.id === `${log}#60`)
        return [event, { ...event, t: event.t + 200, at: "other:1.tag" }];
      return event.kind === "logged" ? [] : [event];
    });
    const fault = {
      kind: "fault",
      t: 6_050,
      until: 6_100,
      name: "empty",
      breaks: ["line", "store"],
    } as const;
    expect(judge(history).repeated).not.toEqual([]);
    expect(judge(inOrder([...history, fault])).repeated).toEqual([]);
  });
});
