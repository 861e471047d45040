"""The scripts that keep windows in Redis, each atomic; the keys of a call share a slot in a cluster.

A window is a sorted set of equal scores, so that it is ordered by its members: first its head, then slots as
fixed-width decimals of the notification's, the account's and the subject's id and a letter for the kind, or of the
notification's id alone once that was put away. The head is `!`, a floor ("complete from this id on") and up to where
the list was cleared; or, while somebody is filling the window, `#` and a token. What comes meanwhile is kept, and
united with what is read; whoever holds no token any more unites nothing. What was put away stays so, whatever is put
there again.
"""

from __future__ import annotations

from typing import Final

_PUT: Final = """
local function put(key, member)
  local id = string.sub(member, 1, 19)
  local known = redis.call('ZRANGE', key, '[' .. id, '(' .. id .. '~', 'BYLEX')[1]
  if known then
    if #known == 19 or #member > 19 then return 0 end
    redis.call('ZREM', key, known)
  end
  redis.call('ZADD', key, 0, member)
  return 1
end
"""

# KEYS: windows. ARGV: how many slots to keep, how many to let come before trimming, then a member for each key.
PUSH: Final = (
    _PUT
    + """
local keep, most, pushed = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for i, key in ipairs(KEYS) do
  local head = redis.call('ZRANGE', key, '-', '(0', 'BYLEX')[1]
  if head then
    local member, filling = ARGV[i + 2], string.sub(head, 1, 1) == '#'
    local floor, cleared = string.sub(head, 2, 20), string.sub(head, 21, 39)
    local id = string.sub(member, 1, 19)
    if filling or (id >= floor and id > cleared) then
      pushed = pushed + put(key, member)
      if not filling and redis.call('ZCARD', key) > most + 1 then
        redis.call('ZREMRANGEBYRANK', key, 0, -keep - 1)
        local lowest = redis.call('ZRANGE', key, 0, 0)[1]
        redis.call('ZADD', key, 0, '!' .. string.sub(lowest, 1, 19) .. cleared)
      end
    end
  end
end
return pushed
"""
)

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

# KEYS: a window. ARGV: the token, the floor, up to where it was cleared, how many to keep, the life in milliseconds,
# then members.
FINISH_FILL: Final = (
    _PUT
    + """
local key, floor, cleared, keep = KEYS[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('ZREM', key, '#' .. ARGV[1]) == 0 then return 0 end
for i = 6, #ARGV do put(key, ARGV[i]) end
redis.call('ZREMRANGEBYLEX', key, '-', '(' .. floor)
redis.call('ZREMRANGEBYLEX', key, '-', '(' .. cleared .. '~')
if redis.call('ZCARD', key) > keep then
  redis.call('ZREMRANGEBYRANK', key, 0, -keep - 1)
  floor = string.sub(redis.call('ZRANGE', key, 0, 0)[1], 1, 19)
end
redis.call('ZADD', key, 0, '!' .. floor .. cleared)
redis.call('PEXPIRE', key, ARGV[5])
return 1
"""
)

# KEYS: a window. ARGV: the life in milliseconds, '1' to read upwards, the lowest id and the highest member wanted (as
# ZRANGE BYLEX has it), how many, the kinds wanted as letters ('' for all), the account wanted as digits ('' for any).
# Returns nothing where there is no window, else from which id on it is complete, and the members that are wanted.
READ: Final = """
local key, life, upwards, low, high = KEYS[1], tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3], ARGV[4]
local wanted, kinds, account = tonumber(ARGV[5]), ARGV[6], ARGV[7]
local head = redis.call('ZRANGE', key, '-', '(0', 'BYLEX')[1]
if not head or string.sub(head, 1, 1) == '#' then return {} end
if redis.call('PTTL', key) < life / 2 then redis.call('PEXPIRE', key, life) end
local floor, cleared = string.sub(head, 2, 20), string.sub(head, 21, 39)
if low < floor then low = floor end
-- Below what was cleared there is nothing to be shown.
local found, offset, step = {cleared >= floor and '0' or floor}, 0, wanted + 20

local function shown(member)
  return #member > 19
    and (kinds == '' or string.find(kinds, string.sub(member, 58), 1, true))
    and (account == '' or string.sub(member, 20, 38) == account)
end

repeat
  local members
  if upwards then
    members = redis.call('ZRANGE', key, '[' .. low, high, 'BYLEX', 'LIMIT', offset, step)
  else
    members = redis.call('ZRANGE', key, high, '[' .. low, 'BYLEX', 'REV', 'LIMIT', offset, step)
  end
  for _, member in ipairs(members) do
    if #found <= wanted and shown(member) then found[#found + 1] = member end
  end
  offset = offset + step
until #members < step or #found > wanted
return found
"""
