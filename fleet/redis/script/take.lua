-- Takes a part of a budget. KEYS: the counter. ARGV: number, limit, and the window and its offset
-- in milliseconds.
local n, limit, window, offset = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local millis = math.floor(now / 1000)
local past = (millis - offset) % window
local ends = (millis - past + window) * 1000
local current = int(millis - offset - past)

local counter = redis.call('HMGET', KEYS[1], 'window', 'used')
local used = counter[1] == current and tonumber(counter[2]) or 0
local taken = math.min(n, math.max(limit - used, 0))
if taken > 0 then
	redis.call('HSET', KEYS[1], 'window', current, 'used', int(used + taken))
	expire(KEYS[1], ends)
end
return {taken, ends - now}
