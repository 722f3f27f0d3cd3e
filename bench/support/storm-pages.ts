// The pages of the reconnect storm, in a process of their own: plain websockets of the native dialect that keep their positions,
// are cut off together and come back together. Commands on standard input, one line of JSON as the answer of each:
//   come   connect, 128 at a time               -> {"ms"}     once all have joined
//   heard N                                     -> {}         once all have received N publications
//   cut    end all connections, no goodbye      -> {}
//   back N connect all at once with positions   -> Back       once all have received N more, or a minute went by
//   storm-pages.ts PORT PAGES ROOMS ROOM-PREFIX

import { createInterface } from "node:readline";

/** What became of the pages. */
export interface Back {
  /** From the first connect to the last publication that was missed. */
  readonly ms: number;
  /** Pages that were told `recovered: true`, and received what they missed. */
  readonly recovered: number;
  /** Publications that a page received twice or out of order. */
  readonly wrong: number;
}

/** Of Bun: ends the connection without a close frame. */
interface Terminable extends WebSocket {
  terminate(): void;
}

interface Message {
  readonly type?: string;
  readonly at?: string;
  readonly recovered?: boolean;
  readonly data?: { readonly n: number };
}

const [, , port = "", pageCount = "", roomCount = "", prefix = ""] = process.argv;
const patienceMs = 60_000;
const ahead = 128;

class Page {
  readonly #room: string;
  #socket: Terminable | undefined;
  #at: string | undefined;
  isJoined = false;
  isRecovered = false;
  heard = 0;
  wrong = 0;

  constructor(index: number) {
    this.#room = `${prefix}${index % Number(roomCount)}`;
  }

  connect(): void {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/connect`) as Terminable;
    this.#socket = socket;
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ id: 1, type: "join", room: this.#room, at: this.#at }));
    });
    socket.addEventListener("message", ({ data }) => {
      if (this.#socket === socket) this.#take(JSON.parse(String(data)) as Message);
    });
    // Refused, or reset while many come: it tries again.
    socket.addEventListener("close", () => {
      if (this.#socket !== socket) return;
      this.isJoined = false;
      setTimeout(() => {
        this.connect();
      }, 100);
    });
  }

  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.isJoined = false;
    this.isRecovered = false;
    socket?.terminate();
  }

  #take({ type, at, recovered, data }: Message): void {
    if (type === "joined") {
      this.isJoined = true;
      this.isRecovered = recovered === true;
      if (recovered !== true && at !== undefined) this.#at = at;
    } else if (type === undefined) {
      if (data?.n !== this.heard + 1) this.wrong += 1;
      this.heard += 1;
      if (at !== undefined) this.#at = at;
    } else if (type === "at") this.#at = at;
  }
}

const pages = Array.from({ length: Number(pageCount) }, (_, index) => new Page(index));

async function until(isDone: (page: Page) => boolean): Promise<void> {
  const end = performance.now() + patienceMs;
  while (performance.now() < end && !pages.every(isDone)) await Bun.sleep(5);
}

async function come(): Promise<{ ms: number }> {
  const start = performance.now();
  for (let next = 0; next < pages.length; next += ahead) {
    const some = pages.slice(next, next + ahead);
    for (const page of some) page.connect();
    while (!some.every(({ isJoined }) => isJoined)) await Bun.sleep(1);
  }
  return { ms: performance.now() - start };
}

async function back(missed: number): Promise<Back> {
  const goal = (pages[0]?.heard ?? 0) + missed;
  const start = performance.now();
  for (const page of pages) page.connect();
  await until(({ isJoined, heard }) => isJoined && heard >= goal);
  const ms = performance.now() - start;
  const recovered = pages.filter(({ isRecovered, heard }) => isRecovered && heard === goal).length;
  return { ms, recovered, wrong: pages.reduce((sum, { wrong }) => sum + wrong, 0) };
}

async function carryOut(command: string, count: number): Promise<object> {
  if (command === "come") return come();
  if (command === "back") return back(count);
  if (command === "heard") await until(({ heard }) => heard >= count);
  if (command === "cut") for (const page of pages) page.cut();
  return {};
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command = "", count] = line.split(" ");
  console.log(JSON.stringify(await carryOut(command, Number(count))));
}
