// The one look at the whole of the identity config, before the gateway starts: what cannot work, or would be unsafe,
// refuses to start with a sentence (SEC-02, SEC-03).

import { jwtProblem } from "../jwt/problem.ts";
import { secretKeys, sessionEngine, sessionNamePrefixes } from "./options.ts";
import type { IdentityOptions } from "./options.ts";
import { readUsernameMapping, usernameKeyPrefix } from "./username.ts";

/** What is wrong, as a sentence without secrets; undefined: nothing. @param hasTokens `auth.jwt` says who a visitor is, too */
export function identityProblem(options: IdentityOptions, hasTokens: boolean): string | undefined {
  return (
    engineProblem(options, hasTokens) ??
    usernameProblem(options) ??
    callbackProblem(options) ??
    (options.jwt && jwtProblem(options.jwt))
  );
}

/** Django's default keeps sessions in SQL (DJS-08). */
function engineProblem(options: IdentityOptions, hasTokens: boolean): string | undefined {
  const engine = sessionEngine(options);
  const hasOther = hasTokens || options.callbackUrl !== undefined || options.jwt !== undefined;
  if ((engine === "db" || engine === "file") && !hasOther) {
    return (
      `Expected a \`sessionEngine\` that can be read from outside of Django (Django's SESSION_ENGINE: cache, ` +
      `cached_db, redis_sessions or signed_cookies), got \`${engine}\`. Or ask Django by \`callbackUrl\` (WS4REDIS_AUTH_URL), take tokens by ` +
      "`jwt`, or set `none` where no visitor needs an identity (--broadcast-only): docs/migrate/ws4redis.md"
    );
  }
  const needsKey = engine === "signed_cookies" || engine === "redis_sessions";
  if (needsKey && secretKeys(options).length === 0) {
    return `Expected \`secretKey\` (Django's SECRET_KEY) for the session engine \`${engine}\`, got none`;
  }
  return undefined;
}

/** A program that can write or name sessions must not be able to write user names. */
function usernameProblem(options: IdentityOptions): string | undefined {
  const prefix = usernameKeyPrefix(readUsernameMapping(options.username));
  const taken = sessionNamePrefixes(options).find((own) => prefix?.startsWith(own));
  if (taken === undefined) return undefined;
  return `Expected the Redis key of \`username\` to lie outside of the session store, got one under \`${taken}\``;
}

function callbackProblem({ callbackUrl }: IdentityOptions): string | undefined {
  const url = callbackUrl === undefined ? undefined : new URL(callbackUrl);
  if (!url || (url.username === "" && url.password === "")) return undefined;
  return "Expected `callbackUrl` without user and password, got one that has them";
}
