// How raw dialects refuse handshakes: each refusal is counted by its reason, and what an operator can mend is hinted at in
// the log. The answers are fixed sentences, which repeat nothing of the request (SEC-05).

import type { Exchange } from "../../server/route.ts";
import { hasLostUpgrade, hintAtOrigin, hintAtUpgrade } from "../kit/hints.ts";
import { textAnswer } from "../../base/http.ts";
import type { Observe } from "../../core/observe.ts";
import type { RefusalReason } from "../../vocabulary/reasons.ts";

export class Refusals {
  readonly #observe: Pick<Observe, "refused" | "hint">;
  readonly #dialect: string;

  constructor(observe: Pick<Observe, "refused" | "hint">, dialect: string) {
    this.#observe = observe;
    this.#dialect = dialect;
  }

  /** Counts a refusal. @returns its answer. */
  refuse(reason: RefusalReason, answer: Response): Response {
    this.#observe.refused(this.#dialect, reason);
    return answer;
  }

  /** The page's origin may not connect (EIO-18, W4R-16). */
  refuseOrigin(exchange: Exchange): Response {
    hintAtOrigin(this.#observe, this.#dialect, exchange);
    return this.refuse(
      "origin",
      textAnswer(403, "Expected an origin that may connect: `origins` (--cors) lists them\n"),
    );
  }

  /** A request without an upgrade where only websockets are: a proxy may have taken the upgrade away. */
  refusePlain(request: Request, reason: RefusalReason, answer: Response): Response {
    const isLost = hasLostUpgrade(request);
    if (isLost) hintAtUpgrade(this.#observe, this.#dialect);
    return this.refuse(isLost ? "upgrade_missing" : reason, answer);
  }

  /** `BrowserContext.admit` gave no place; it counted that itself. */
  refuseFull(): Response {
    return textAnswer(503, "Expected fewer connections\n", { "retry-after": "1" });
  }
}
