-- Returns the facts that are valid: name, value and remaining time of each. KEYS: as in
-- put.lua. It writes nothing.
local facts = {}
local valid = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. int(now), '+inf', 'WITHSCORES')
for i = 1, #valid, 2 do
	table.insert(facts, valid[i])
	table.insert(facts, redis.call('HGET', KEYS[1], valid[i]))
	table.insert(facts, valid[i + 1] - now)
end
return facts
