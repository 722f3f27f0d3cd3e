// The clients of other languages that `npm run test:clients` drives: what each needs on this machine, and how its small
// program beside this file is built, into .cache. Their packages come by the languages' own tools.

import { join } from "node:path";
import { makePlace, must } from "../support/place.ts";

export const transports = ["polling", "websocket", "upgrade"] as const;
export type Transport = (typeof transports)[number];

export const steps = [
  "connect",
  "join",
  "hear",
  "answer",
  "binary down",
  "binary up",
  "reconnect",
  "kicked",
] as const;
export type Step = (typeof steps)[number];

export interface Program {
  readonly title: string;
  /** Commands of this machine. */
  readonly needs: readonly string[];
  /** For people who lack them. */
  readonly install: string;
  /** Its sources: what they say is part of the place's name. */
  readonly sources: readonly string[];
  build(draft: string): Promise<unknown>;
  /** The command that runs it, but for its two arguments. */
  command(place: string): readonly string[];
  /** What the client itself does otherwise, with any server: seen with node's `socket.io` 4.8.4, too. */
  readonly limits?: readonly Limit[];
  /** The transports on which it lives by a backend that speaks often. */
  readonly needsBusy?: readonly Transport[];
  /** A byte that it cannot take in a binary message. */
  readonly unreadableByte?: number;
}

export interface Limit {
  readonly step: Step;
  /** @default all */
  readonly transports?: readonly Transport[];
  readonly why: string;
  /** It is a note on a step that is taken all the same. @default false */
  readonly isTaken?: boolean;
}

const folder = import.meta.dir;
/** The first build fetches and compiles a lot. */
const buildTimeoutMs = 900_000;

function java(version: string): Program {
  const cwd = join(folder, "java");
  return {
    title: `Java ${version}`,
    needs: ["mvn", "javac", "java"],
    install: "a JDK of 11 or later and Maven (Debian: `apt-get install default-jdk-headless maven`)",
    sources: ["java/Client.java", "java/pom.xml"],
    async build(draft) {
      const copy = ["mvn", "-q", "-B", "dependency:copy-dependencies"];
      const options = { cwd, timeoutMs: buildTimeoutMs };
      await must([...copy, `-Dclient.version=${version}`, `-DoutputDirectory=${draft}`], options);
      await must(["javac", "-d", draft, "-cp", `${draft}/*`, "Client.java"], options);
    },
    command: (place) => ["java", "-cp", `${place}:${place}/*`, "Client"],
    limits: [
      {
        step: "reconnect",
        transports: ["websocket", "upgrade"],
        why: "it overlooks the close frame of a server that goes: it notices by the heartbeat alone",
        isTaken: true,
      },
    ],
  };
}

const rust: Program = {
  title: "Rust 0.6.0",
  needs: ["cargo"],
  install: "cargo of 1.78 or later, and OpenSSL's headers (Debian: `apt-get install libssl-dev pkg-config`)",
  sources: ["rust/Cargo.toml", "rust/Cargo.lock", "rust/src/main.rs"],
  build: async (draft) =>
    must(["cargo", "build", "--quiet", "--locked", "--target-dir", draft], {
      cwd: join(folder, "rust"),
      timeoutMs: buildTimeoutMs,
    }),
  command: (place) => [join(place, "debug/client")],
  limits: [
    { step: "answer", why: "it has no way to answer a question of the server" },
    {
      step: "kicked",
      transports: ["websocket", "upgrade"],
      why: "it comes back whatever the server said, as soon as its websocket is closed",
    },
    {
      step: "binary down",
      why: "on websockets, too, it cuts a message at each byte 0x1e: sent without",
      isTaken: true,
    },
  ],
  unreadableByte: 0x1e,
};

const go: Program = {
  title: "Go 3.0.6",
  needs: ["go"],
  install:
    "Go of 1.21 or later (Debian: `apt-get install golang-go`), which fetches the newer one that its module names",
  sources: ["go/go.mod", "go/go.sum", "go/main.go"],
  build: async (draft) =>
    must(["go", "build", "-o", join(draft, "client"), "."], {
      cwd: join(folder, "go"),
      timeoutMs: buildTimeoutMs,
    }),
  command: (place) => [join(place, "client")],
  needsBusy: ["polling"],
  limits: [
    {
      step: "connect",
      transports: ["polling"],
      why:
        "what it sends, its pong too, waits until the poll that is held ends: every server closes it at the heartbeat, " +
        "unless backends speak often, as the one here does",
      isTaken: true,
    },
  ],
};

export const programs: readonly Program[] = [java("2.1.1"), java("1.0.1"), rust, go];

/** Builds a program, unless it is there as its sources are now. @returns the command that runs it. */
export async function buildProgram(program: Program): Promise<readonly string[]> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const source of program.sources) hash.update(await Bun.file(join(folder, source)).bytes());
  const name = `${program.title.toLowerCase().replaceAll(" ", "-")}-${hash.digest("hex").slice(0, 12)}`;
  const place = join(folder, "../../.cache/clients", name);
  await makePlace(place, async (draft) => {
    await program.build(draft);
  });
  return program.command(place);
}
