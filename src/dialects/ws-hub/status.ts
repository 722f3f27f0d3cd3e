// The status pages of WS-HUB (HUB-18). They list session keys, so they exist only where an admin token is set, and requests
// without it get 404 (SEC-13).

import type { SecretCheck } from "../../proofs/access.ts";
import type { Route } from "../../server/route.ts";
import type { Observe } from "../../core/observe.ts";
import { bearerToken, textAnswer } from "../../base/http.ts";
import { answer } from "../../base/problem.ts";
import { dialectName } from "./names.ts";
import type { Roster } from "./roster.ts";

/** Where they are. Without a token, a listener that has nothing else at these paths answers with `statusSentence`. */
export const statusPaths: readonly string[] = ["/status", "/clients", "/details", "/groups", "/sessions"];

/** The same whether a token is set or not, so that requests without it learn nothing (SEC-13). */
export const statusSentence =
  "Not found. The status pages list session keys: they need ws-hub.adminToken, and it as Authorization: Bearer";

/** @param checkToken undefined: there is no admin, and no page. */
export function statusRoutes(
  roster: Roster,
  checkToken: SecretCheck | undefined,
  observe: Observe,
): readonly Route[] {
  if (!checkToken) return [];
  const route = (path: string, page: () => Response): Route => ({
    path,
    isPrefix: false,
    async fetch(request, exchange) {
      const verdict = await checkToken(bearerToken(request), exchange);
      if (verdict !== "right") {
        observe.refused(dialectName, `secret_${verdict}`);
        return textAnswer(404, `${statusSentence}\n`);
      }
      const isRead = request.method === "GET" || request.method === "HEAD";
      return isRead ? page() : textAnswer(405, "Expected GET\n", { allow: "GET, HEAD" });
    },
  });
  return [
    route("/status", () => textAnswer(200, `${roster.size}\n`)),
    route("/clients", () => answer(200, groupsByKey(roster))),
    route("/details", () => answer(200, groupsByKey(roster))),
    route("/groups", () => answer(200, keysByGroup(roster))),
    route("/sessions", () => answer(200, [...roster.keys()])),
  ];
}

/** Own members of any name, `__proto__` included (T20). */
function groupsByKey(roster: Roster): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries([...roster.keys()].map((key) => [key, roster.groupsOf(key) ?? []]));
}

function keysByGroup(roster: Roster): Readonly<Record<string, readonly string[]>> {
  const groups = new Map<string, string[]>();
  for (const key of roster.keys()) {
    for (const group of roster.groupsOf(key) ?? []) {
      const keys = groups.get(group);
      if (keys) keys.push(key);
      else groups.set(group, [key]);
    }
  }
  return Object.fromEntries(groups);
}
