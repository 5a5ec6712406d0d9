-- Takes a lease, or a place in its queue. KEYS: the lease, its queue in the order of waiting, and
-- the same holders in the order in which their places end. ARGV: holder, TTL, place.
local holder, ttl, place = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease = redis.call('HMGET', KEYS[1], 'holder', 'fence', 'until', 'value', 'valid')
local current, fence, ends = lease[1], tonumber(lease[2] or 0), tonumber(lease[3] or 0)
local value, valid = lease[4], tonumber(lease[5] or 0)

if value and valid <= now then
	redis.call('HDEL', KEYS[1], 'value', 'valid')
	value, valid = false, 0
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', int(now))) do
	redis.call('ZREM', KEYS[2], gone)
	redis.call('ZREM', KEYS[3], gone)
end

local held = current and ends > now
local head = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
local granted = 0
if held and current == holder then
	granted = fence
elseif not held and (not head or head == holder) then
	-- The clock makes it greater than the fences of a server that has lost its data.
	granted = math.max(fence + 1, now)
end

if granted > 0 then
	redis.call('HSET', KEYS[1], 'holder', holder, 'fence', int(granted), 'until', int(now + ttl))
	expire(KEYS[1], math.max(now + ttl, valid, granted))
	if head == holder then
		redis.call('ZREM', KEYS[2], holder)
		redis.call('ZREM', KEYS[3], holder)
	end
else
	local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
	redis.call('ZADD', KEYS[2], 'NX', int((last or 0) + 1), holder)
	redis.call('ZADD', KEYS[3], int(now + place), holder)
	prolong(KEYS[2], now + place)
	prolong(KEYS[3], now + place)
end
return {granted, value, valid - now}
