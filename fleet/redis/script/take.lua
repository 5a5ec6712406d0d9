-- Takes a part of a budget. KEYS: the counter. ARGV: number, limit, and the window and its offset
-- in milliseconds.
local n, limit, window, offset = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local millis = math.floor(now / 1000)
local past = (millis - offset) % window
local ends = (millis - past + window) * 1000
local current = millis - offset - past

local counter = redis.call('HMGET', KEYS[1], 'window', 'used')
local started, used = tonumber(counter[1]), tonumber(counter[2] or 0)
if started == current + window then -- the clock was set back
	current, ends = started, ends + window * 1000
elseif started ~= current then
	used = 0
end
local taken = math.min(n, math.max(limit - used, 0))
if taken > 0 then
	redis.call('HSET', KEYS[1], 'window', int(current), 'used', int(used + taken))
	expire(KEYS[1], ends + window * 1000) -- the clock may be set back
end
return {taken, ends - now}
