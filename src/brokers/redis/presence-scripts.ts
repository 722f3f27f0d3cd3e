// The Lua scripts of presence on Redis 6.2 and later (presence.ts). Each changes one room, numbers what changed, says it on the
// bus and writes the events for webhooks in one step; memory/present-room.ts has the same steps in TypeScript. They take some
// hundred users at once, so none runs for long.

import { script } from "./scripts.ts";

/**
 * What the scripts of a room share.
 * KEYS: room, users, leaving, gateways, anonymous, users of the gateway in question, stream of events.
 * ARGV: told or "", reported or "", namespace, name, bound of listed users, channel, seconds of life, length of the stream, new
 * epoch, what the names of the users of a gateway begin with, the gateway in question, ms of grace.
 */
const common = `
local room, users, leaving, gateways, guests, mine, events = unpack(KEYS)
local told, reported, namespace, name, listed, channel, life, length, fresh, prefix, me, grace = unpack(ARGV)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local due = now + tonumber(grace)

local epoch, version, seq, occupied = unpack(redis.call('HMGET', room, 'epoch', 'version', 'seq', 'occupied'))
version, seq, occupied = tonumber(version or 0), tonumber(seq or 0), occupied == '1'
local from, joined, left = version, {}, {}

local function event(kind, user)
  if reported == '' then return end
  seq = seq + 1
  local fields = {'event', kind, 'room', name, 'namespace', namespace}
  if user then fields[7], fields[8] = 'user', user end
  fields[#fields + 1], fields[#fields + 2] = 'epoch', epoch
  fields[#fields + 1], fields[#fields + 2] = 'seq', string.format('%.0f', seq)
  fields[#fields + 1], fields[#fields + 2] = 'at', string.format('%.0f', now)
  redis.call('XADD', events, 'MAXLEN', '~', length, '*', unpack(fields))
end

local function occupy()
  redis.call('ZREM', leaving, '')
  if occupied then return end
  occupied = true
  event('room_occupied')
end

local known = redis.call('SMEMBERS', gateways)
local function isHeld(user)
  for _, gateway in ipairs(known) do
    if redis.call('SISMEMBER', prefix .. gateway, user) == 1 then return true end
  end
  return false
end

local function come(user, info)
  redis.call('SADD', mine, user)
  redis.call('ZREM', leaving, user)
  local before = redis.call('HGET', users, user)
  if before == info then return end
  occupy()
  redis.call('HSET', users, user, info)
  version = version + 1
  joined[#joined + 1] = '[' .. cjson.encode(user) .. ',' .. (info == '' and 'null' or cjson.encode(info)) .. ']'
  if not before then event('user_joined', user) end
end

local function go(user)
  if isHeld(user) or redis.call('HDEL', users, user) == 0 then return end
  version = version + 1
  left[#left + 1] = cjson.encode(user)
  event('user_left', user)
end

local function guestCount()
  local sum = 0
  for _, count in ipairs(redis.call('HVALS', guests)) do sum = sum + tonumber(count) end
  return sum
end

local function say(total, anonymous)
  local text = '{"namespace":' .. cjson.encode(namespace) .. ',"room":' .. cjson.encode(name) .. ',"epoch":"' .. epoch
    .. string.format('","from":%.0f,"version":%.0f,"total":%.0f,"anonymous":%.0f', from, version, total, anonymous)
  if total <= tonumber(listed) then
    text = text .. ',"joined":[' .. table.concat(joined, ',') .. '],"left":[' .. table.concat(left, ',') .. ']'
  end
  redis.call('PUBLISH', channel, text .. '}')
end

local function finish()
  local total, anonymous = redis.call('HLEN', users), guestCount()
  if occupied and total == 0 and anonymous == 0 and redis.call('ZCARD', leaving) == 0 then
    occupied = false
    event('room_vacated')
  end
  redis.call('HSET', room, 'epoch', epoch, 'version', string.format('%.0f', version), 'seq', string.format('%.0f', seq),
    'occupied', occupied and '1' or '', 'name', name, 'namespace', namespace)
  for index = 1, 6 do redis.call('EXPIRE', KEYS[index], life) end
  if version ~= from and told ~= '' then say(total, anonymous) end
  return redis.call('ZRANGE', leaving, 0, 0, 'WITHSCORES')[2] or ''
end
`;

/**
 * Writes what is so on one gateway. More ARGV: connections without a user, number of users who are there, a name and an info for
 * each, the names of those who are not.
 */
export const update = script(`${common}
local count, here = ARGV[13], tonumber(ARGV[14])
if not epoch and here == 0 and count == '0' then return 'empty' end
epoch = epoch or fresh
if here > 0 or count ~= '0' then redis.call('SADD', gateways, me) end

for index = 15, 13 + 2 * here, 2 do come(ARGV[index], ARGV[index + 1]) end
for index = 15 + 2 * here, #ARGV do
  local user = ARGV[index]
  if redis.call('SREM', mine, user) == 1 and not isHeld(user) then redis.call('ZADD', leaving, due, user) end
end

if count ~= '0' then
  redis.call('HSET', guests, me, count)
  occupy()
elseif redis.call('HDEL', guests, me) == 1 then
  redis.call('ZADD', leaving, due, '')
end
local isEmpty = count == '0' and redis.call('SCARD', mine) == 0
if isEmpty then redis.call('SREM', gateways, me) end
finish()
return isEmpty and 'empty' or 'held'
`);

/** Tells the leaves that are due. More ARGV: how many at most. Gives when the next one is due, or "". */
export const settle = script(`${common}
if not epoch then return '' end
for _, user in ipairs(redis.call('ZRANGEBYSCORE', leaving, '-inf', now, 'LIMIT', 0, ARGV[13])) do
  redis.call('ZREM', leaving, user)
  if user ~= '' then go(user) end
end
return finish()
`);

/**
 * Removes what a gateway wrote. More ARGV: how many users at most. Gives how many of its users are left, and when the next
 * leave of the room is due, or "".
 */
export const drop = script(`${common}
if not epoch then return {0, ''} end
for _, user in ipairs(redis.call('SPOP', mine, ARGV[13])) do
  if grace == '0' then go(user) elseif not isHeld(user) then redis.call('ZADD', leaving, due, user) end
end
local rest = redis.call('SCARD', mine)
if rest == 0 then
  redis.call('SREM', gateways, me)
  if redis.call('HDEL', guests, me) == 1 and grace ~= '0' then redis.call('ZADD', leaving, due, '') end
end
return {rest, finish()}
`);

/** KEYS: room, users, anonymous. ARGV: bound of listed users. It writes nothing. */
export const read = script(`
local epoch, version = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'version'))
local total, anonymous = redis.call('HLEN', KEYS[2]), 0
for _, count in ipairs(redis.call('HVALS', KEYS[3])) do anonymous = anonymous + tonumber(count) end
local found = total <= tonumber(ARGV[1]) and redis.call('HGETALL', KEYS[2]) or {}
return {epoch or '', version or '0', total, anonymous, found}
`);

/** Begins a lease. KEYS: leases. ARGV: gateway, ms of the lease. */
export const enroll = script(`
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[1], clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[2]), ARGV[1])
`);

/**
 * Renews a lease. One gateway at a time, the janitor, is given what is to be done for all; a room that it was given and did not
 * finish with is given again, to it later and to the next janitor at once.
 * KEYS: leases, due, janitor. ARGV: gateway, ms of the lease, ms of the janitor's lease.
 */
export const beat = script(`
local leases, due, janitor = unpack(KEYS)
local me, lease = ARGV[1], tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local till = redis.call('ZSCORE', leases, me)
if not till or tonumber(till) <= now then return {'lost'} end
redis.call('ZADD', leases, now + lease, me)

local before = redis.call('GET', janitor)
if before and before ~= me then return {'held', {}, {}} end
redis.call('SET', janitor, me, 'PX', ARGV[3])
if not before then
  for _, room in ipairs(redis.call('ZRANGEBYSCORE', due, now + lease, '+inf', 'LIMIT', 0, 1000)) do redis.call('ZADD', due, now, room) end
end
local rooms = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 500)
for _, room in ipairs(rooms) do redis.call('ZADD', due, now + 2 * lease, room) end
return {'held', redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 10), rooms}
`);

/**
 * Notes rooms in which a gateway is about to write, so that others find them when it dies, and when a leave may be due there.
 * KEYS: leases, due, rooms of the gateway. ARGV: gateway, ms of grace, seconds of life, rooms. Gives 0 when it has no lease.
 */
export const note = script(`
local clock = redis.call('TIME')
local due = clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[2])
for index = 4, #ARGV do
  redis.call('SADD', KEYS[3], ARGV[index])
  redis.call('ZADD', KEYS[2], 'LT', due, ARGV[index])
end
redis.call('EXPIRE', KEYS[3], ARGV[3])
return redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0
`);

/** A room was settled. KEYS: due. ARGV: room, when the next leave is due there or "", ms of the lease. */
export const settled = script(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
-- A gateway wrote there meanwhile, and noted when.
if not at or tonumber(at) <= now + tonumber(ARGV[3]) then return end
if ARGV[2] == '' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
`);
