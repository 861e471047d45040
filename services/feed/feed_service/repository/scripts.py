"""The scripts that keep windows and followings in Redis, each atomic; the keys of a call share a slot in a cluster.

A window is a sorted set of equal scores, so that it is ordered by its members: first its head, then entries as
fixed-width decimals of the entry's and the author's id, and a digit for the reason. The head is `!` and a floor
("complete from this id on"), or, while somebody is filling the window, `#` and a token. What is pushed meanwhile is
kept, and united with what is read; whoever holds no token any more unites nothing. Whom a reader follows is a set of
authors' ids, with `-` before those of whom no reblogs are wanted, and `0` once it is complete. Beside it is kept with
whom of these a home is merged: a token that is in the set too, after `=`, so that it ends with the set; up to which
generation of modes that is so; and the authors, with the same `-`.
"""

from __future__ import annotations

from typing import Final

# KEYS: windows. ARGV: how many entries to keep, how many to let come before trimming, then a member for each key.
PUSH: Final = """
local keep, most, pushed = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for i, key in ipairs(KEYS) do
  local head = redis.call('ZRANGE', key, '-', '(0', 'BYLEX')[1]
  if head then
    local member, filling = ARGV[i + 2], string.sub(head, 1, 1) == '#'
    if filling or member >= string.sub(head, 2) then
      pushed = pushed + redis.call('ZADD', key, 0, member)
      if not filling and redis.call('ZCARD', key) > most + 1 then
        redis.call('ZREMRANGEBYRANK', key, 0, -keep - 1)
        local lowest = redis.call('ZRANGE', key, 0, 0)[1]
        redis.call('ZADD', key, 0, '!' .. string.sub(lowest, 1, 19))
      end
    end
  end
end
return pushed
"""

# KEYS: a window. ARGV: a floor. Forgets the window where it reaches below the floor, or is being filled.
FORGET_BELOW: Final = """
local head = redis.call('ZRANGE', KEYS[1], '-', '(0', 'BYLEX')[1]
if head and (string.sub(head, 1, 1) == '#' or string.sub(head, 2) < ARGV[1]) then redis.call('UNLINK', KEYS[1]) end
return 1
"""

# KEYS: a window. ARGV: a new token, its life in milliseconds. Returns the token to fill with, or '' when it is filled.
BEGIN_FILL: Final = """
local head = redis.call('ZRANGE', KEYS[1], '-', '(0', 'BYLEX')[1]
if head then
  return string.sub(head, 1, 1) == '#' and string.sub(head, 2) or ''
end
redis.call('ZADD', KEYS[1], 0, '#' .. ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return ARGV[1]
"""

# KEYS: a window. ARGV: the token, the floor, how many to keep, the life in milliseconds, then members.
FINISH_FILL: Final = """
local key, keep = KEYS[1], tonumber(ARGV[3])
if redis.call('ZREM', key, '#' .. ARGV[1]) == 0 then return 0 end
for i = 5, #ARGV do redis.call('ZADD', key, 0, ARGV[i]) end
redis.call('ZREMRANGEBYLEX', key, '-', '(' .. ARGV[2])
local floor = ARGV[2]
if redis.call('ZCARD', key) > keep then
  redis.call('ZREMRANGEBYRANK', key, 0, -keep - 1)
  floor = string.sub(redis.call('ZRANGE', key, 0, 0)[1], 1, 19)
end
redis.call('ZADD', key, 0, '!' .. floor)
redis.call('PEXPIRE', key, ARGV[4])
return 1
"""

# KEYS: a following. ARGV: a new token, its life in milliseconds. Returns the token, or '' when it is complete.
BEGIN_FOLLOWING: Final = """
if redis.call('SISMEMBER', KEYS[1], '0') == 1 then return '' end
local marker = redis.call('SRANDMEMBER', KEYS[1])
if marker then return string.sub(marker, 2) end
redis.call('SADD', KEYS[1], '#' .. ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return ARGV[1]
"""

# KEYS: a following, who of it is merged. ARGV: the token, the life in milliseconds, the generation, who is merged, then
# members.
FINISH_FOLLOWING: Final = """
if redis.call('SREM', KEYS[1], '#' .. ARGV[1]) == 0 then return 0 end
for i = 5, #ARGV do redis.call('SADD', KEYS[1], ARGV[i]) end
redis.call('SADD', KEYS[1], '0', '=' .. ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1] .. '|' .. ARGV[3] .. '|' .. ARGV[4], 'PX', ARGV[2])
return 1
"""

_MERGED_OF: Final = """
local function merged_of(following, merged)
  local value = redis.call('GET', merged)
  if value and redis.call('SISMEMBER', following, '=' .. string.match(value, '^[^|]*')) == 1 then return value end
  return ''
end
"""

# KEYS: a following, who of it is merged. ARGV: a new token, the life in milliseconds, the generation that is known, the
# one that is reached by these authors, then the authors. Returns what is kept, '' where the following is missing.
FIND_MERGED: Final = (
    _MERGED_OF
    + """
if redis.call('SISMEMBER', KEYS[1], '0') == 0 then return '' end
local value = merged_of(KEYS[1], KEYS[2])
local token, generation, members = string.match(value, '^([^|]*)|([^|]*)|(.*)$')
if (generation or '0') ~= ARGV[3] then return value end
if not token then
  token, members = ARGV[1], ''
  redis.call('SADD', KEYS[1], '=' .. token)
end
local kept, found = {}, {}
for member in string.gmatch(members, '[^,]+') do
  kept[#kept + 1] = member
  found[(string.gsub(member, '^-', ''))] = true
end
for i = 5, #ARGV do
  local known = redis.call('SMISMEMBER', KEYS[1], ARGV[i], '-' .. ARGV[i])
  if known[1] == 1 and not found[ARGV[i]] then kept[#kept + 1] = (known[2] == 1 and '-' or '') .. ARGV[i] end
end
value = token .. '|' .. ARGV[4] .. '|' .. table.concat(kept, ',')
redis.call('SET', KEYS[2], value, 'PX', ARGV[2])
return value
"""
)

# KEYS: followings. ARGV: an author. Returns for each 0 if the author is not in it, 1 if it is missing, 2 or 3 if the
# author is in it, without reblogs or with.
WHO_FOLLOWS: Final = """
local states = {}
for i, key in ipairs(KEYS) do
  local known = redis.call('SMISMEMBER', key, ARGV[1], '-' .. ARGV[1], '0')
  states[i] = known[3] == 0 and 1 or known[1] == 0 and 0 or 3 - known[2]
end
return states
"""

# KEYS: a window, a following, and who of it is merged, for each reader. ARGV: the life in milliseconds, then for each
# reader: the reader's id as in members, '1' to read upwards, the lowest and the highest member wanted (as ZRANGE BYLEX
# has them), how many. Returns for each reader 'following' or 'window' where that is missing, else the floor, who is
# merged, and the members that are shown.
READ: Final = (
    _MERGED_OF
    + """
local life = tonumber(ARGV[1])

local function touch(key)
  if redis.call('PTTL', key) < life / 2 then redis.call('PEXPIRE', key, life) end
end

local function plain(digits)
  return (string.gsub(digits, '^0+', ''))
end

local function shown(following, me, members)
  local asked, kept = {}, {}
  for i, member in ipairs(members) do
    local author = plain(string.sub(member, 20, 38))
    asked[2 * i - 1], asked[2 * i] = author, '-' .. author
  end
  local known = redis.call('SMISMEMBER', following, unpack(asked))
  for i, member in ipairs(members) do
    local mine = string.sub(member, 20, 38) == me
    local hidden = string.sub(member, 39) == '3' and known[2 * i] == 1
    if mine or (known[2 * i - 1] == 1 and not hidden) then kept[#kept + 1] = member end
  end
  return kept
end

local function read(window, following, merged, me, upwards, low, high, wanted)
  if redis.call('SISMEMBER', following, '0') == 0 then return {'following'} end
  local head = redis.call('ZRANGE', window, '-', '(0', 'BYLEX')[1]
  if not head or string.sub(head, 1, 1) == '#' then return {'window'} end
  local floor = string.sub(head, 2)
  local found, offset, step = {floor, merged_of(following, merged)}, 0, wanted + 10
  if string.sub(low, 2) < floor then low = '[' .. floor end
  repeat
    local members
    if upwards == '1' then
      members = redis.call('ZRANGE', window, low, high, 'BYLEX', 'LIMIT', offset, step)
    else
      members = redis.call('ZRANGE', window, high, low, 'BYLEX', 'REV', 'LIMIT', offset, step)
    end
    if #members > 0 then
      for _, member in ipairs(shown(following, me, members)) do
        if #found < wanted + 2 then found[#found + 1] = member end
      end
    end
    offset = offset + step
  until #members < step or #found >= wanted + 2
  touch(window)
  touch(following)
  touch(merged)
  return found
end

local results = {}
for i = 1, #KEYS / 3 do
  local a = 1 + (i - 1) * 5
  results[i] = read(KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4],
    tonumber(ARGV[a + 5]))
end
return results
"""
)
