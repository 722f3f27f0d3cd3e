// The RevocationStore port on Redis 6.2 and later: a sorted set, in which each revocation stands by its end, and beside it the
// name of its state, so that gateways that look whether something was added read one small key.

import { listOf, pairsOf } from "./reply.ts";
import { parseJson } from "../../base/json.ts";
import { randomId } from "../../base/random-id.ts";
import { maxRevocations, revocationKinds, revocationKeyPrefix } from "../../proofs/revocations.ts";
import type { KeptRevocations, Revocation, RevocationStore } from "../../proofs/revocations.ts";
import type { Commands } from "./commands.ts";
import { runScript, script } from "./scripts.ts";

const listKey = `${revocationKeyPrefix}list`;
const versionKey = `${revocationKeyPrefix}version`;

/**
 * KEYS: list, version. ARGV: now, end and name of the revocation, how many are kept at most, a new version; times are ms since
 * 1970. Gives 0 where there are too many.
 */
const add = script(`
local list, version = KEYS[1], KEYS[2]
local now, ends, name, most, fresh = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

redis.call('ZREMRANGEBYSCORE', list, '-inf', now)
if not redis.call('ZSCORE', list, name) and redis.call('ZCARD', list) >= most then return 0 end
redis.call('ZADD', list, 'GT', ends, name)
redis.call('SET', version, fresh)
local last = redis.call('ZRANGE', list, -1, -1, 'WITHSCORES')[2]
redis.call('PEXPIREAT', list, last)
redis.call('PEXPIREAT', version, last)
return 1
`);

export class RedisRevocations implements RevocationStore {
  readonly #commands: Commands;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  async add({ kind, name, before, untilMs }: Revocation): Promise<boolean> {
    const member = JSON.stringify([kind, name, before]);
    const args = [Date.now(), untilMs, member, maxRevocations, randomId()];
    return (await runScript(this.#commands, add, { keys: [listKey, versionKey], args })) === 1;
  }

  async read(known: string | undefined): Promise<KeptRevocations | undefined> {
    // First the version: what is added between the two is read again.
    const reply = await this.#commands.run(["GET", versionKey]);
    const version = typeof reply === "string" ? reply : "";
    if (version === known) return undefined;
    const range = ["ZRANGE", listKey, String(Date.now()), "+inf", "BYSCORE", "WITHSCORES"];
    // Members with their scores, in either form in which Redis says them.
    return { version, all: pairsOf(listOf(await this.#commands.run(range)).flat()).flatMap(read) };
  }
}

/** What is none of ours is left out: others may write into Redis. */
function read([member, score]: readonly [unknown, unknown]): readonly Revocation[] {
  const parts = parseJson(String(member));
  const [kindName, name, before] = Array.isArray(parts) ? (parts as unknown[]) : [];
  const kind = revocationKinds.find((known) => known === kindName);
  if (!kind || typeof name !== "string" || typeof before !== "number") return [];
  return [{ kind, name, before, untilMs: Number(score) }];
}
