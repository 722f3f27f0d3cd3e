// A real Django project (django/) with django-websocket-redis as the backend of a gateway: its pages, its logins, its
// sessions and its RedisPublisher. It runs under Django's own `runserver`, with a database of its own.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./ports.ts";
import { RunningProcess } from "./process.ts";
import { pythonEnv } from "./python.ts";

const manage = join(import.meta.dir, "django/manage.py");
const startTimeoutMs = 60_000;

/** Its users: john is in `chatters` and `staff`, mary in `chatters`, anna in no group. */
export type Person = "john" | "mary" | "anna";

export interface DjangoOptions {
  readonly version: "3.2" | "5.2";
  /** Of the Redis server at 127.0.0.1 that RedisPublisher publishes to. */
  readonly redisPort: number;
  /** Django's settings, by their own names: SECRET_KEY, SESSION_ENGINE, CACHES, WS4REDIS_*, ... */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What RedisPublisher is asked to say, and to whom: "SELF" in a list is whoever asks. */
export interface Said {
  readonly facility: string;
  readonly message: string;
  readonly broadcast?: boolean;
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  readonly sessions?: readonly string[];
  /** Seconds; 0 keeps nothing. @default WS4REDIS_EXPIRE */
  readonly expire?: number;
}

/** What its chat page listens to. */
export interface Listening {
  /** Of the gateway. */
  readonly url: string;
  readonly facility: string;
  /** As in a query: `subscribe-user&echo`. */
  readonly channels: string;
}

/** Whom Django takes the owner of a cookie for. */
export interface Known {
  /** The primary key; null for somebody who has not logged in. */
  readonly id: number | null;
  readonly user: string;
  readonly session: string | null;
}

/** A running project; `await using` stops it. */
export class Django implements AsyncDisposable {
  /** `http://127.0.0.1:<port>`, which is the origin of its pages. */
  readonly url: string;
  readonly #process: RunningProcess;
  readonly #folder: string;

  private constructor(url: string, process: RunningProcess, folder: string) {
    this.url = url;
    this.#process = process;
    this.#folder = folder;
  }

  /** Starts it and waits until it serves. */
  static async start(options: DjangoOptions): Promise<Django> {
    const python = await pythonEnv(`django-${options.version}`);
    const folder = mkdtempSync(join(tmpdir(), "django-test-"));
    const env = {
      PROJECT_SETTINGS: JSON.stringify(settingsOf(options, folder)),
      // Beside the packages, which come uncompiled, and not among the sources.
      PYTHONPYCACHEPREFIX: join(python, "../../pycache"),
    };
    const address = `127.0.0.1:${await freePort()}`;
    const process = new RunningProcess([python, "-u", manage, "runserver", "--noreload", address], { env });
    const django = new Django(`http://${address}`, process, folder);
    await django.#becomeReady();
    return django;
  }

  /** Logs in through the login page. @returns the Cookie header of the session */
  async login(person: Person): Promise<string> {
    const url = `${this.url}/login/`;
    const form = await fetch(url);
    const token = cookieOf(form, "csrftoken");
    await form.body?.cancel();
    const response = await fetch(url, {
      method: "POST",
      body: new URLSearchParams({
        username: person,
        password: passwordOf(person),
        csrfmiddlewaretoken: token,
      }),
      headers: { cookie: `csrftoken=${token}` },
      redirect: "manual",
    });
    await response.body?.cancel();
    return `sessionid=${cookieOf(response, "sessionid")}`;
  }

  /** Begins a session without a login. @returns its Cookie header */
  async visit(): Promise<string> {
    return `sessionid=${cookieOf(await fetch(`${this.url}/visit`), "sessionid")}`;
  }

  async whoIs(cookie: string): Promise<Known> {
    return (await (await fetch(`${this.url}/whoami`, { headers: { cookie } })).json()) as Known;
  }

  /** Publishes as the owner of the cookie. */
  async publish(said: Said, cookie = ""): Promise<void> {
    const response = await fetch(`${this.url}/publish`, {
      method: "POST",
      body: JSON.stringify(said),
      headers: { cookie },
    });
    if (!response.ok) throw new Error(`Expected Django to publish, got:\n${this.output}`);
  }

  /** The address of the page that listens with the package's own script. */
  pageFor({ url, facility, channels }: Listening): string {
    return `${this.url}/?${new URLSearchParams({ gateway: new URL(url).host, facility, channels })}`;
  }

  /** What it printed so far: a line for each request, and the tracebacks. */
  get output(): string {
    return this.#process.output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #becomeReady(): Promise<void> {
    const deadline = performance.now() + startTimeoutMs;
    while (!(await this.#answers())) {
      if (!this.#process.isRunning || performance.now() > deadline) {
        await this[Symbol.asyncDispose]();
        throw new Error(`Expected Django to serve within ${startTimeoutMs} ms, got:\n${this.output}`);
      }
      await Bun.sleep(20);
    }
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/whoami`)).ok;
    } catch {
      return false; // it does not listen yet
    }
  }
}

export function passwordOf(person: Person): string {
  return `${person}-password`;
}

function settingsOf({ redisPort, settings }: DjangoOptions, folder: string): object {
  const database = { ENGINE: "django.db.backends.sqlite3", NAME: join(folder, "db.sqlite3") };
  return {
    DATABASES: { default: database },
    WS4REDIS_CONNECTION: { host: "127.0.0.1", port: redisPort, db: 0 },
    ...settings,
  };
}

function cookieOf(response: Response, name: string): string {
  const cookie = response.headers.getSetCookie().find((text) => text.startsWith(`${name}=`));
  const value = cookie?.slice(name.length + 1).split(";")[0];
  if (value === undefined) throw new Error(`Expected a cookie ${name}, got status ${response.status}`);
  return value;
}
