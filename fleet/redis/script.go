package redis

// This file runs the scripts on the server.

import (
	"context"
	_ "embed"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

var (
	//go:embed script/common.lua
	common string
	//go:embed script/acquire.lua
	acquire string
	//go:embed script/release.lua
	release string
	//go:embed script/put.lua
	put string
	//go:embed script/facts.lua
	facts string
	//go:embed script/take.lua
	take string

	acquireScript = goredis.NewScript(common + acquire)
	releaseScript = goredis.NewScript(common + release)
	putScript     = goredis.NewScript(common + put)
	factsScript   = goredis.NewScript(common + facts)
	takeScript    = goredis.NewScript(common + take)
)

// errResponse means that a script returned something else than it should.
const errResponse = ownError("the response has another form than expected")

// braces escapes what would end the part of a key in braces.
var braces = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

// keys returns the keys of a script, one for each suffix. In a cluster they are on one node, as the
// part in braces is the same.
func (b *Backend) keys(kind, name string, suffixes ...string) []string {
	keys := make([]string, len(suffixes))
	for i, suffix := range suffixes {
		keys[i] = b.prefix + "{" + kind + ":" + braces.Replace(name) + "}" + suffix
	}
	return keys
}

// run runs a script by its digest. A server that does not know it yet gets its text.
func (b *Backend) run(
	ctx context.Context, method string, s *goredis.Script, keys []string, args ...any,
) (reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, failure(method, err)
	}
	out, err := s.Run(ctx, b.client, keys, args...).Result()
	if err != nil {
		return nil, failure(method, err)
	}
	if n, ok := out.(int64); ok {
		return reply{n}, nil
	}
	list, ok := out.([]any)
	if !ok {
		return nil, failure(method, errResponse)
	}
	return list, nil
}

// reply is what a script returned.
type reply []any

// numbers returns the numbers at some places.
func (r reply) numbers(method string, places ...int) ([]int64, error) {
	numbers := make([]int64, len(places))
	for i, at := range places {
		if at >= len(r) {
			return nil, failure(method, errResponse)
		}
		n, ok := r[at].(int64)
		if !ok {
			return nil, failure(method, errResponse)
		}
		numbers[i] = n
	}
	return numbers, nil
}

// duration returns a duration of microseconds, as the scripts use them.
func duration(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }
