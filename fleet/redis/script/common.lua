-- What all scripts start with. Times are in microseconds of the server's clock.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- int writes a whole number without an exponent.
local function int(n) return string.format('%.0f', n) end

-- A key outlives its content by this time. So the fences of a key stay in order even if the clock
-- is set back by less.
local grace = 5 * 60 * 1000000

-- expire lets a key expire after a moment.
local function expire(key, moment)
	redis.call('PEXPIRE', key, int(math.ceil((math.max(moment, now) - now + grace) / 1000)))
end

-- prolong does so unless the key lives longer already.
local function prolong(key, moment)
	if redis.call('PTTL', key) * 1000 < moment - now + grace then expire(key, moment) end
end
