-- Stores a fact. KEYS: the values by name, and the names in the order in which they
-- expire. ARGV: name, value, TTL.
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', int(now))) do
	redis.call('HDEL', KEYS[1], name)
	redis.call('ZREM', KEYS[2], name)
end
local valid = now + tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], int(valid), ARGV[1])
prolong(KEYS[1], valid)
prolong(KEYS[2], valid)
return 0
