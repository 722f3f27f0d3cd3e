// The Lua scripts of queues on Redis (queue.ts). They run on Redis 6.2 and later, so they have no `#!lua` line. Who may not
// write is refused before anything is published.

import { script } from "./scripts.ts";

/**
 * KEYS: stream, lease. ARGV: this gateway, ms of the lease, entries, bytes of them together, bytes of the largest.
 * Gives the length of the stream, and for each entry id, bytes, age and fields; no fields where it is too large.
 */
export const take = script(`
local stream, lease = KEYS[1], KEYS[2]
local me, leaseMs, limit, total, largest = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local page = {redis.call('XLEN', stream)}
if page[1] == 0 then return page end
local reader = redis.call('GET', lease)
-- One that never ends is of no gateway. A user without PTTL waits for its end.
if reader and reader ~= me and redis.pcall('PTTL', lease) ~= -1 then return page end
-- Who may not remove an entry must not publish it: it would be published again and again. No entry has this id.
redis.call('XDEL', stream, '0-0')

local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local from, sum = '-', 0
for _ = 1, limit do
  local found = redis.pcall('XRANGE', stream, from, '+', 'COUNT', 1)
  -- Behind the highest id that there is, Redis refuses to look.
  if found.err and from == '-' then return found end
  local entry = found[1]
  if not entry then break end
  local id, fields, bytes = entry[1], entry[2], 0
  for _, text in ipairs(fields) do bytes = bytes + #text end
  local isTooLarge = bytes > largest
  if not isTooLarge then
    if sum > 0 and sum + bytes > total then break end
    sum = sum + bytes
  end
  local age = math.max(0, nowMs - tonumber(string.match(id, '^%d+')))
  page[#page + 1] = {id, bytes, age, isTooLarge and {} or fields}
  from = '(' .. id
end
-- Last, so that a gateway that is refused one of the steps keeps no other from reading.
redis.call('SET', lease, me, 'PX', leaseMs)
return page
`);

/** KEYS: stream. ARGV: id of the entry, channel, payload. Answers one line, `gone` where the entry is. */
export const say = script(`
if not redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1] then return redis.status_reply('gone') end
redis.call('PUBLISH', ARGV[2], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[1])
return redis.status_reply('said')
`);

/**
 * KEYS: stream, stream of the refused. ARGV: length of the latter, bytes that are copied there, and for each entry its id, the
 * reason and the text; both are empty where it was published. Fails where one cannot be kept, with the others removed.
 */
export const settle = script(`
local stream, refused = KEYS[1], KEYS[2]
local length, largest = ARGV[1], tonumber(ARGV[2])
local failed

local function copyOf(id)
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if not entry then return nil end
  local bytes = 0
  for _, text in ipairs(entry[2]) do bytes = bytes + #text end
  if bytes > largest or #entry[2] > 1000 then return {} end
  return entry[2]
end

for first = 3, #ARGV, 3 do
  local id, reason, text = ARGV[first], ARGV[first + 1], ARGV[first + 2]
  local fields = reason ~= '' and copyOf(id)
  local added = fields and
    redis.pcall('XADD', refused, 'MAXLEN', '~', length, '*', 'reason', reason, 'text', text, 'entry', id, unpack(fields))
  if type(added) == 'table' and added.err then failed = added else redis.call('XDEL', stream, id) end
end
return failed
`);

/**
 * KEYS: stream, and for each queue that entries go on to, it and its refused. ARGV: entries that may wait in one, length of the
 * refused, seconds that a queue lives to which nothing goes, and the ids. Gives for each how many it gave up.
 */
export const forward = script(`
local stream, backlog, length, life = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3]

local function add(target, id, fields)
  local added = redis.pcall('XADD', target, id, unpack(fields))
  -- The queue had younger entries: the stream was begun anew.
  if type(added) == 'table' and added.err then redis.call('XADD', target, '*', unpack(fields)) end
end

local function giveUp(target, refused)
  local over = math.max(0, redis.call('XLEN', target) - backlog)
  for _ = 1, over do
    local entry = redis.call('XRANGE', target, '-', '+', 'COUNT', 1)[1]
    redis.call('XADD', refused, 'MAXLEN', '~', length, '*', 'reason', 'backlog', 'text',
      'Expected at most ' .. ARGV[1] .. ' entries that wait', 'entry', entry[1], unpack(entry[2]))
    redis.call('XDEL', target, entry[1])
  end
  return over
end

for index = 4, #ARGV do
  local entry = redis.call('XRANGE', stream, ARGV[index], ARGV[index])[1]
  if entry then
    for target = 2, #KEYS, 2 do add(KEYS[target], entry[1], entry[2]) end
    redis.call('XDEL', stream, ARGV[index])
  end
end

local given = {}
for target = 2, #KEYS, 2 do
  given[#given + 1] = giveUp(KEYS[target], KEYS[target + 1])
  redis.call('EXPIRE', KEYS[target], life)
  redis.call('EXPIRE', KEYS[target + 1], life)
end
return given
`);

/** KEYS: lease. ARGV: this gateway. */
export const release = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`);
