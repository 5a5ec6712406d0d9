package fleettest

// This file has the checks of facts and counters, and of what all methods have in common.

import (
	"bytes"
	"context"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

// put stores a fact.
func (b *bench) put(at guard.Backend, name, value string, ttl time.Duration) {
	b.Helper()
	require.NoError(b, at.PutFact(b.Context(), name, guard.Fact{Value: []byte(value), TTL: ttl}))
}

// known returns the values of all facts.
func (b *bench) known(at guard.Backend) map[string]string {
	b.Helper()
	all, err := at.Facts(b.Context())
	require.NoError(b, err)
	values := map[string]string{}
	for name, f := range all {
		require.NotNil(b, f.Value, name)
		require.Positive(b, f.TTL, name)
		values[name] = string(f.Value)
	}
	return values
}

var facts = []check{
	{"all facts are read, and the last one of a name counts", func(b *bench) {
		assert.Empty(b, b.known(b.first))
		b.put(b.first, "x", "1", ttl)
		b.put(b.second, "y", "2", ttl)
		b.put(b.second, "x", "3", ttl)
		fence := b.take(b.first, "holder")
		b.release(b.first, "holder", fence, &guard.Fact{Value: []byte("of a key"), TTL: ttl})
		assert.Equal(b, map[string]string{"x": "3", "y": "2"}, b.known(b.first))
	}},
	{"a fact expires", func(b *bench) {
		b.put(b.first, "short", "1", time.Hour)
		b.put(b.first, "long", "2", 10*time.Hour)
		b.put(b.first, "longer", "3", time.Hour)
		b.put(b.first, "longer", "4", 10*time.Hour)
		b.Advance(nearly)
		all, err := b.second.Facts(b.Context())
		require.NoError(b, err)
		require.Len(b, all, 3)
		assert.InDelta(b, time.Minute.Seconds(), all["short"].TTL.Seconds(), time.Minute.Seconds()-1)
		assert.InDelta(b, (10*time.Hour - nearly).Seconds(), all["long"].TTL.Seconds(), time.Minute.Seconds())
		b.Advance(rest)
		assert.Equal(b, map[string]string{"long": "2", "longer": "4"}, b.known(b.first))
		b.Advance(10 * time.Hour)
		assert.Empty(b, b.known(b.first))
	}},
}

// day is a budget of ten each day. Its first day is half over at its first use, so no day ends by
// itself within a check.
func (b *bench) day(n int64) guard.Take {
	b.Helper()
	t := guard.Take{Key: "the hour", N: 1, Limit: 1, Window: 24 * time.Hour}
	if b.offset == nil {
		got, err := b.first.Take(b.Context(), t)
		require.NoError(b, err)
		offset := t.Window/2 - got.Ends
		b.offset = &offset
	}
	t.Key, t.N, t.Limit, t.Offset = "k", n, 10, *b.offset
	return t
}

// spend takes a part of a budget and returns how much it got.
func (b *bench) spend(at guard.Backend, t guard.Take) int64 {
	b.Helper()
	got, err := at.Take(b.Context(), t)
	require.NoError(b, err)
	assert.Positive(b, got.Ends)
	assert.LessOrEqual(b, got.Ends, t.Window)
	return got.N
}

var counters = []check{
	{"a budget is taken in chunks until nothing is left", func(b *bench) {
		assert.EqualValues(b, 4, b.spend(b.first, b.day(4)))
		assert.EqualValues(b, 4, b.spend(b.second, b.day(4)))
		assert.EqualValues(b, 2, b.spend(b.first, b.day(4)))
		assert.Zero(b, b.spend(b.second, b.day(4)))
		other := b.day(4)
		other.Key = "another"
		assert.EqualValues(b, 4, b.spend(b.second, other))
	}},
	{"the limit may change", func(b *bench) {
		b.spend(b.first, b.day(10))
		more := b.day(10)
		more.Limit = 15
		assert.EqualValues(b, 5, b.spend(b.second, more))
		assert.Zero(b, b.spend(b.second, b.day(1)), "more than the limit is taken")
		more.Limit = 20
		assert.EqualValues(b, 5, b.spend(b.second, more), "nothing is lost by that")
	}},
	{"a budget is new in each window", func(b *bench) {
		b.spend(b.first, b.day(10))
		got, err := b.first.Take(b.Context(), b.day(1))
		require.NoError(b, err)
		assert.Zero(b, got.N)
		b.Advance(got.Ends + rest)
		assert.EqualValues(b, 7, b.spend(b.second, b.day(7)))
		assert.EqualValues(b, 3, b.spend(b.first, b.day(7)))
	}},
	{"a clock that is put back gives no budget twice", func(b *bench) {
		if b.PutBack == nil {
			return
		}
		got, err := b.first.Take(b.Context(), b.day(1))
		require.NoError(b, err)
		b.Advance(got.Ends + rest) // a window has just started
		assert.EqualValues(b, 6, b.spend(b.first, b.day(6)))
		b.PutBack(time.Hour)
		got, err = b.second.Take(b.Context(), b.day(1))
		require.NoError(b, err)
		assert.EqualValues(b, 1, got.N)
		assert.InDelta(b, (25*time.Hour - rest).Seconds(), got.Ends.Seconds(), rest.Seconds())
		b.Advance(time.Hour) // the window starts once more
		got, err = b.first.Take(b.Context(), b.day(10))
		require.NoError(b, err)
		assert.EqualValues(b, 3, got.N, "the rest")
		b.Advance(got.Ends + rest)
		assert.EqualValues(b, 10, b.spend(b.second, b.day(10)))
	}},
	{"a clock that is put back after a cleanup gives no budget twice", func(b *bench) {
		if b.PutBack == nil {
			return
		}
		assert.EqualValues(b, 10, b.spend(b.first, b.day(10)))
		got, err := b.first.Take(b.Context(), b.day(1))
		require.NoError(b, err)
		b.Advance(got.Ends + 10*time.Minute)
		for i := range 300 { // they delete what has expired
			other := b.day(1)
			other.Key = "other " + strconv.Itoa(i)
			b.spend(b.second, other)
		}
		b.PutBack(20 * time.Minute)
		assert.Zero(b, b.spend(b.first, b.day(10)))
	}},
	{"a budget that has rested for some windows is given once", func(b *bench) {
		t := guard.Take{Key: "k", N: 1, Limit: 1, Window: time.Hour}
		for range 500 { // a backend that forgets what has ended may do so in few calls
			b.Advance(3 * t.Window)
			one, err := b.first.Take(b.Context(), t)
			require.NoError(b, err)
			assert.EqualValues(b, 1, one.N)
			two, err := b.second.Take(b.Context(), t)
			require.NoError(b, err)
			require.True(b, two.N == 0 || two.Ends > one.Ends, "one window gave a budget of one twice")
		}
	}},
	{"a window starts at a multiple of its length since 1970", func(b *bench) {
		for i, offset := range []time.Duration{0, 5 * time.Hour, -5 * time.Hour, 30 * time.Hour} {
			t := guard.Take{Key: strconv.Itoa(i), N: 1, Limit: 1, Window: 24 * time.Hour, Offset: offset}
			got, err := b.first.Take(b.Context(), t)
			require.NoError(b, err)
			assert.EqualValues(b, 1, got.N)
			ends := float64(time.Now().Add(got.Ends).Add(-offset).Unix()) / t.Window.Seconds()
			assert.InDelta(b, math.Round(ends), ends, 60/t.Window.Seconds(), "offset %s", offset)
		}
	}},
	{"a window shorter than a millisecond is refused", func(b *bench) {
		take := b.day(1)
		for _, window := range []time.Duration{0, time.Millisecond - 1, -time.Hour} {
			take.Window = window
			got, err := b.first.Take(b.Context(), take)
			require.Error(b, err, "%s", window)
			assert.Zero(b, got, "%s", window)
		}
		assert.EqualValues(b, 10, b.spend(b.second, b.day(10)), "nothing was taken")
	}},
	{"many at once take the budget exactly", func(b *bench) {
		var all sync.WaitGroup
		var taken atomic.Int64
		take := b.day(3)
		take.Limit = 100
		for i := range 16 {
			at := []guard.Backend{b.first, b.second}[i%2]
			all.Go(func() {
				for range 3 {
					got, err := at.Take(context.WithoutCancel(b.Context()), take)
					assert.NoError(b, err)
					taken.Add(got.N)
				}
			})
		}
		all.Wait()
		assert.EqualValues(b, 100, taken.Load())
	}},
}

var common = []check{
	{"values are any bytes up to 1 MiB", func(b *bench) {
		for name, value := range map[string][]byte{
			"zero and 255":  {0, 255, 0, 10, 13},
			"empty":         {},
			"not UTF-8":     []byte("\xff\xfe"),
			"the longest":   bytes.Repeat([]byte{0, 1, 254}, 1<<20/3),
			"a quoted text": []byte(`'";--\`),
		} {
			got := b.acquire(b.first, "holder")
			require.Positive(b, got.Fence, name)
			b.release(b.first, "holder", got.Fence, &guard.Fact{Value: value, TTL: ttl})
			got = b.acquire(b.second, "holder")
			require.NotNil(b, got.Fact.Value, name)
			require.True(b, bytes.Equal(value, got.Fact.Value), name)
			b.release(b.first, "holder", got.Fence, nil)
			require.NoError(b, b.first.PutFact(b.Context(), name, guard.Fact{Value: value, TTL: ttl}))
			all, err := b.second.Facts(b.Context())
			require.NoError(b, err)
			require.NotNil(b, all[name].Value, name)
			require.True(b, bytes.Equal(value, all[name].Value), name)
		}
	}},
	{"names are any text of up to 400 bytes", func(b *bench) {
		names := []string{
			"a", "A", "a ", " a", "a%", "a_", "a*", "a?", "a[b]", "a:b", "a/b", "{a}", `a'b"c\`, "é", "e\u0301", "\n",
			strings.Repeat("x", 400), strings.Repeat("x", 399) + "y", "",
		}
		for i, name := range names {
			got, err := b.first.Acquire(b.Context(), guard.Claim{Key: name, Holder: "h" + name, TTL: ttl, Place: place})
			require.NoError(b, err)
			require.Positive(b, got.Fence, "%q", name)
			require.Nil(b, got.Fact.Value, "%q", name)
			held, err := b.first.Release(b.Context(), guard.Release{
				Key: name, Holder: "h" + name, Fence: got.Fence, Fact: &guard.Fact{Value: []byte(name), TTL: ttl},
			})
			require.NoError(b, err)
			require.True(b, held, "%q", name)
			b.put(b.first, name, name, ttl)
			n := b.spend(b.first, guard.Take{Key: name, N: int64(i + 1), Limit: int64(i + 1), Window: 24 * time.Hour})
			require.EqualValues(b, i+1, n, "%q", name)
		}
		all := b.known(b.second)
		require.Len(b, all, len(names))
		for _, name := range names {
			require.Equal(b, name, all[name])
		}
	}},
	{"a done context ends each method with an error", func(b *bench) {
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		_, err := b.first.Acquire(ctx, guard.Claim{Key: "k", Holder: "a", TTL: ttl, Place: place})
		require.ErrorIs(b, err, context.Canceled)
		_, err = b.first.Release(ctx, guard.Release{Key: "k", Holder: "a", Fence: 1})
		require.ErrorIs(b, err, context.Canceled)
		_, err = b.first.Facts(ctx)
		require.ErrorIs(b, err, context.Canceled)
		require.ErrorIs(b, b.first.PutFact(ctx, "x", guard.Fact{Value: []byte("x"), TTL: ttl}), context.Canceled)
		_, err = b.first.Take(ctx, b.day(1))
		require.ErrorIs(b, err, context.Canceled)
		b.take(b.first, "b")
	}},
	{"namespaces are apart", func(b *bench) {
		if b.Other == nil {
			return
		}
		other := b.Other(b.T)
		b.take(b.first, "a")
		b.take(other, "b")
		b.put(b.first, "x", "1", ttl)
		assert.Empty(b, b.known(other))
		assert.EqualValues(b, 10, b.spend(b.first, b.day(10)))
		assert.EqualValues(b, 10, b.spend(other, b.day(10)))
	}},
	{"deliveries that were handled are seen for a day", func(b *bench) {
		if b.Seen == nil {
			return
		}
		seen := func(key string) bool {
			known, err := b.Seen.Seen(b.Context(), key)
			require.NoError(b, err)
			return known
		}
		assert.False(b, seen("x"))
		require.NoError(b, b.Seen.Mark(b.Context(), "x"))
		require.NoError(b, b.Seen.Mark(b.Context(), "x"))
		assert.True(b, seen("x"))
		assert.False(b, seen("X"))
		b.Advance(23 * time.Hour)
		assert.True(b, seen("x"))
		b.Advance(48 * time.Hour)
		assert.False(b, seen("x"))
	}},
}
