-- Ends a lease, or gives up a place. KEYS: as in acquire.lua. ARGV: holder, fence, what to do
-- with the fact (keep, remove or put), value, TTL.
local holder, fence = ARGV[1], ARGV[2]
local lease = redis.call('HMGET', KEYS[1], 'holder', 'fence', 'until', 'valid')
local held = lease[1] == holder and tonumber(lease[3]) > now
local valid = tonumber(lease[4] or 0)

if fence == '0' then
	local places = redis.call('ZREM', KEYS[2], holder)
	redis.call('ZREM', KEYS[3], holder)
	if held then redis.call('HDEL', KEYS[1], 'holder', 'until') end
	return (held or places == 1) and 1 or 0
end
if not held or lease[2] ~= fence then return 0 end

-- A server whose memory is full still lets a script delete, and a script that has deleted may
-- write.
redis.call('HDEL', KEYS[1], 'holder', 'until')
if ARGV[3] == 'put' then
	valid = now + tonumber(ARGV[5])
	redis.call('HSET', KEYS[1], 'value', ARGV[4], 'valid', int(valid))
elseif ARGV[3] == 'remove' then
	valid = 0
	redis.call('HDEL', KEYS[1], 'value', 'valid')
end
-- The fence is in the future if the clock was set back.
expire(KEYS[1], math.max(valid, tonumber(fence)))
return 1
