// The websocket that takes over a polling session (EIO-13): after `2probe`, `3probe` and `5` it is the session's. Anything
// else, or no `5` in time, closes this websocket; the polling session goes on.

import type { Frame } from "../../../core/carrier.ts";
import type { CloseCause, Socket, SocketHandler } from "../../../server/socket.ts";
import type { Session } from "./session.ts";

export class Probe implements SocketHandler {
  readonly #session: Session;
  readonly #deadline: number;
  #socket: Socket | undefined;
  #state: "opening" | "probed" | "upgraded" | "refused" = "opening";

  constructor(session: Session, deadline: number) {
    this.#session = session;
    this.#deadline = deadline;
  }

  /** `3probe` went out and `5` is due. */
  get isAnswered(): boolean {
    return this.#state === "probed";
  }

  open(socket: Socket): void {
    this.#socket = socket;
    if (!this.#session.beginUpgrade(this)) {
      this.#state = "refused";
      socket.close(1000, "");
    }
  }

  message(frame: Frame): void {
    if (this.#state === "upgraded") {
      this.#session.message(frame);
      return;
    }
    // The time of the upgrade, or of the session, may be over.
    this.#session.judge();
    if (this.#state === "opening" && frame === "2probe") this.#answer();
    else if (this.#state === "probed" && frame === "5") this.#complete();
    else this.#fail();
  }

  closed(code: number, cause: CloseCause): void {
    if (this.#state === "upgraded") this.#session.closed(code, cause);
    else if (this.#state !== "refused") this.#session.cancelUpgrade(this);
  }

  topicsChanged(): void {
    if (this.#state === "upgraded") this.#session.topicsChanged();
  }

  tick(now: number): void {
    if (now >= this.#deadline) this.#fail();
  }

  /** The session ended before the upgrade did. */
  cancel(): void {
    this.#state = "refused";
    this.#socket?.close(1000, "");
  }

  #answer(): void {
    this.#state = "probed";
    this.#socket?.send(["3probe"]);
    this.#session.probed();
  }

  #complete(): void {
    if (!this.#socket) return;
    this.#state = "upgraded";
    this.#session.completeUpgrade(this.#socket);
  }

  #fail(): void {
    if (this.#state === "refused") return;
    this.#state = "refused";
    this.#session.cancelUpgrade(this);
    this.#socket?.close(1000, "");
  }
}
