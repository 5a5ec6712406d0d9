-- Stores or removes a fact of a board. KEYS: the values by name, and the names in the order in
-- which they expire. ARGV: name, put or remove, value, TTL.
local names = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', int(now))
if ARGV[2] == 'remove' then table.insert(names, ARGV[1]) end
for _, name in ipairs(names) do
	redis.call('HDEL', KEYS[1], name)
	redis.call('ZREM', KEYS[2], name)
end
if ARGV[2] == 'put' then
	local valid = now + tonumber(ARGV[4])
	redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
	redis.call('ZADD', KEYS[2], int(valid), ARGV[1])
	prolong(KEYS[1], valid)
	prolong(KEYS[2], valid)
end
return 0
