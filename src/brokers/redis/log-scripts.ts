// The Lua scripts of the log on Redis (log.ts). Nothing comes between the steps of one, so the order of offsets is the order
// in which they are heard.

import { script } from "./scripts.ts";

/**
 * KEYS: meta, stream, and the key of the publisher where there is one. ARGV: new epoch, body, size, seconds of the entries,
 * seconds of the epoch, channel, version or empty, room for people, seconds of the publisher's key, tag.
 * Refused as a whole, before its first step, when Redis takes no writes (OOM, MISCONF, READONLY). It answers one line: the
 * kind, the place, and the version that stands there.
 */
const appending = `
local meta, stream, once = KEYS[1], KEYS[2], KEYS[3]
local fresh, body, size, seconds, epochSeconds, channel, version, room, keySeconds, tag = unpack(ARGV)

if once then
  local before = redis.call('GET', once)
  if before then return redis.status_reply('repeated ' .. before) end
end

local function make()
  redis.call('DEL', stream, meta)
  redis.call('HSET', meta, 'epoch', fresh, 'offset', '0', 'tag', '0', 'room', room)
  return fresh
end

local function add(epoch)
  local offset = string.format('%.0f', redis.call('HINCRBY', meta, 'offset', 1))
  local added = redis.pcall('XADD', stream, 'MAXLEN', size, offset .. '-0', 'b', body, 't', tag)
  if type(added) == 'table' and added.err then return nil end
  return epoch .. ':' .. offset .. '.' .. tag
end

local epoch, offset, last, lastTag = unpack(redis.call('HMGET', meta, 'epoch', 'offset', 'version', 'tag'))
if epoch and version ~= '' and last and tonumber(version) <= tonumber(last) then
  return redis.status_reply('outdated ' .. epoch .. ':' .. offset .. '.' .. lastTag .. ' ' .. last)
end

local at = add(epoch or make())
-- The stream is ahead of its meta key, or no stream: that log is lost.
if not at then at = add(make()) end
if not at then return redis.error_reply('ERR the log takes no entry') end

-- First, for where the user may not run one of the next steps: what is tried again is not stored twice.
if once then redis.call('SET', once, at, 'EX', keySeconds) end
redis.call('HSET', meta, 'tag', tag)
if version ~= '' then redis.call('HSET', meta, 'version', version) end
redis.call('EXPIRE', stream, seconds)
redis.call('EXPIRE', meta, epochSeconds)
redis.call('PUBLISH', channel, '{"at":"' .. at .. '",' .. string.sub(body, 2))
return redis.status_reply('stored ' .. at)
`;

export const append = script(`#!lua
${appending}`);

/** What a log needs, and the first that the user may not run. */
const finding = `
local function commandsOn(meta, stream, once)
  return {
    {'GET', once}, {'SET', once, ''}, {'DEL', stream}, {'EXPIRE', meta, '1'},
    {'HMGET', meta, 'a'}, {'HSET', meta, 'a', ''}, {'HINCRBY', meta, 'a', '1'},
    {'XADD', stream, '*', 'a', ''}, {'XRANGE', stream, '-', '+'}, {'XREVRANGE', stream, '+', '-'},
  }
end

local function deniedAmong(commands)
  for _, command in ipairs(commands) do
    if not redis.acl_check_cmd(unpack(command)) then return command[1] end
  end
end
`;

/**
 * The same for an entry of a queue, which is removed in this step; `gone` where it was. One more of KEYS, the last: the queue.
 * One more of ARGV, the last: the id.
 */
export const appendQueued = script(`#!lua
${finding}
local queue, id = KEYS[#KEYS], ARGV[#ARGV]
KEYS[#KEYS], ARGV[#ARGV] = nil, nil
if not redis.call('XRANGE', queue, id, id)[1] then return redis.status_reply('gone') end

-- A step that is refused leaves those before it standing: the entry would be stored again when the right is back.
local commands = commandsOn(KEYS[1], KEYS[2], KEYS[3] or KEYS[1])
commands[#commands + 1] = {'PUBLISH', ARGV[6], ''}
commands[#commands + 1] = {'XDEL', queue, id}
local missing = deniedAmong(commands)
if missing then return redis.error_reply('NOPERM the user may not run ' .. missing) end

local function append()
${appending}
end

local reply = append()
local isDone = reply.ok and string.find(reply.ok, '^outdated') == nil
if isDone then redis.call('XDEL', queue, id) end
return reply
`);

/**
 * KEYS: meta, stream. ARGV: `after` or `before`, an offset or empty, limit, bytes. It writes nothing, so it is answered also
 * by a Redis that takes no writes.
 */
export const read = script(`#!lua flags=no-writes
local epoch, offset, tag = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'tag'))
if not epoch then return {} end

local way, from, limit, bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local edge = from ~= '' and '(' .. from .. '-0'
local found = {}
if limit > 0 and way == 'after' then
  found = redis.call('XRANGE', KEYS[2], edge, '+', 'COUNT', limit + 1)
elseif limit > 0 and from ~= '0' then
  -- Below the lowest ID there is nothing, and Redis refuses to look.
  found = redis.call('XREVRANGE', KEYS[2], edge or '+', '-', 'COUNT', limit + 1)
end

local page, sum, taken = {epoch .. ':' .. offset .. '.' .. tag, '0'}, 0, 0
for _, entry in ipairs(found) do
  local body = entry[2][2]
  sum = sum + #body
  if taken == limit or (taken > 0 and sum > bytes) then
    page[2] = '1'
    break
  end
  taken = taken + 1
  page[#page + 1] = string.match(entry[1], '^%d+')
  page[#page + 1] = entry[2][4]
  page[#page + 1] = body
end
return page
`);

/** KEYS: meta, stream, key of a publisher. Answers which command the user may not run; nothing where it may run all of them here. */
export const denied = script(`#!lua flags=no-writes
${finding}
return redis.status_reply(deniedAmong(commandsOn(KEYS[1], KEYS[2], KEYS[3])) or '')
`);

/** KEYS: meta, stream. ARGV: new epoch, seconds of the epoch, room for people. */
export const top = script(`#!lua
local epoch, offset, tag = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'tag'))
if epoch then return epoch .. ':' .. offset .. '.' .. tag end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'offset', '0', 'tag', '0', 'room', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return ARGV[1] .. ':0.0'
`);
