package fleettest

// This file has the checks of leases.

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/guard"
)

var leases = []check{
	{"one holder at a time has a lease", func(b *bench) {
		fence := b.take(b.first, "a")
		b.wait(b.second, "b")
		require.True(b, b.release(b.first, "a", fence, nil))
		b.take(b.second, "b")
	}},
	{"a lease ends after its TTL", func(b *bench) {
		b.take(b.first, "a")
		b.Advance(place + nearly)
		b.wait(b.second, "b")
		b.Advance(rest)
		b.take(b.second, "b")
	}},
	{"a holder that repeats its claim keeps its lease, which ends later", func(b *bench) {
		fence := b.take(b.first, "a")
		b.Advance(place + nearly)
		assert.Equal(b, fence, b.take(b.first, "a"))
		b.Advance(place + nearly)
		b.wait(b.second, "b")
		require.True(b, b.release(b.first, "a", fence, nil))
	}},
	{"each lease of a key has a greater fence", func(b *bench) {
		last := int64(0)
		for i, end := range []func(string, int64){
			func(holder string, fence int64) { b.release(b.first, holder, fence, nil) },
			func(holder string, fence int64) { b.release(b.second, holder, fence, &guard.Fact{}) },
			func(string, int64) { b.Advance(ttl + rest) },
			func(string, int64) { b.Advance(100 * 24 * time.Hour) },
			func(string, int64) {},
		} {
			holder := fmt.Sprint("holder ", i)
			fence := b.take(b.first, holder)
			assert.Greater(b, fence, last)
			last = fence
			end(holder, fence)
		}
	}},
	{"a holder whose lease has ended gets another one, and waits for it as others do", func(b *bench) {
		earlier := b.take(b.first, "a")
		b.Advance(ttl + rest)
		assert.Greater(b, b.take(b.first, "a"), earlier)
		b.Advance(ttl - place + rest)
		b.wait(b.second, "b")
		b.Advance(nearly)
		b.wait(b.first, "a")
		b.take(b.second, "b")
	}},
	{"a holder that is too late changes nothing", func(b *bench) {
		late := b.take(b.first, "a")
		b.Advance(ttl + rest)
		assert.False(b, b.release(b.first, "a", late, &guard.Fact{Value: []byte("late"), TTL: ttl}), "it has ended")
		fence := b.take(b.second, "b")
		assert.False(b, b.release(b.first, "a", late, &guard.Fact{Value: []byte("late"), TTL: ttl}))
		got := b.acquire(b.first, "c")
		assert.Zero(b, got.Fence, "the lease of the next holder stays")
		assert.Nil(b, got.Fact.Value, "the fact too")
		assert.True(b, b.release(b.second, "b", fence, nil))
		assert.False(b, b.release(b.second, "b", fence, nil), "it was released before")
	}},
	{"a lease is released only by its holder, with its fence", func(b *bench) {
		earlier := b.take(b.first, "a")
		b.release(b.first, "a", earlier, nil)
		fence := b.take(b.first, "a")
		assert.False(b, b.release(b.second, "b", fence, nil))
		assert.False(b, b.release(b.first, "a", fence+1, nil))
		assert.False(b, b.release(b.first, "a", earlier, nil))
		assert.False(b, b.release(b.second, "b", 0, nil))
		b.wait(b.second, "b")
		held, err := b.first.Release(b.Context(), guard.Release{Key: "another", Holder: "a", Fence: fence})
		require.NoError(b, err)
		assert.False(b, held)
		b.wait(b.second, "b")
	}},
	{"leases of different keys do not matter to each other", func(b *bench) {
		b.take(b.first, "a")
		got, err := b.second.Acquire(b.Context(), guard.Claim{Key: "another", Holder: "b", TTL: ttl, Place: place})
		require.NoError(b, err)
		assert.Positive(b, got.Fence)
	}},
	{"of many claims at once one is successful", func(b *bench) {
		for round := range 5 {
			var all sync.WaitGroup
			var got atomic.Int64
			for i := range 16 {
				at := []guard.Backend{b.first, b.second}[i%2]
				all.Go(func() {
					lease, err := at.Acquire(context.WithoutCancel(b.Context()), guard.Claim{
						Key: strconv.Itoa(round), Holder: strconv.Itoa(i), TTL: ttl, Place: place,
					})
					assert.NoError(b, err)
					if lease.Fence != 0 {
						got.Add(1)
					}
				})
			}
			all.Wait()
			assert.EqualValues(b, 1, got.Load())
		}
	}},
}

var queues = []check{
	{"holders that wait get the lease in their order", func(b *bench) {
		fence := b.take(b.first, "a")
		b.wait(b.second, "y")
		b.wait(b.first, "m")
		b.wait(b.second, "x")
		b.wait(b.second, "y") // asking again does not lose the place
		b.release(b.first, "a", fence, nil)
		b.wait(b.first, "e")
		b.wait(b.second, "x")
		b.wait(b.first, "m")
		fence = b.take(b.second, "y")
		b.release(b.second, "y", fence, nil)
		b.wait(b.second, "x")
		fence = b.take(b.first, "m")
		b.release(b.first, "m", fence, nil)
		fence = b.take(b.second, "x")
		b.release(b.second, "x", fence, nil)
		b.take(b.first, "e")
	}},
	{"a place ends if its holder does not ask again", func(b *bench) {
		b.take(b.first, "a")
		b.wait(b.second, "b")
		b.Advance(nearly)
		b.wait(b.second, "b")
		b.wait(b.first, "c")
		b.Advance(nearly)
		b.wait(b.first, "c")
		b.Advance(rest + 5*time.Minute) // the lease has ended, and so has the place of b
		b.take(b.first, "c")
	}},
	{"a holder whose place has ended waits behind those who came since", func(b *bench) {
		fence := b.take(b.first, "a")
		b.wait(b.second, "b")
		b.Advance(place + rest)
		b.wait(b.first, "c")
		b.wait(b.second, "b")
		b.release(b.first, "a", fence, nil)
		b.wait(b.second, "b")
		b.take(b.first, "c")
	}},
	{"asking again keeps a place", func(b *bench) {
		b.take(b.first, "a")
		b.wait(b.second, "b")
		b.Advance(nearly)
		b.wait(b.second, "b")
		b.Advance(nearly)
		b.wait(b.second, "b")
		b.Advance(rest + rest)
		b.wait(b.first, "c")
		b.take(b.second, "b")
	}},
	{"a release without a fence gives up a place", func(b *bench) {
		fence := b.take(b.first, "a")
		b.wait(b.second, "b")
		assert.True(b, b.release(b.second, "b", 0, nil))
		assert.False(b, b.release(b.second, "b", 0, nil), "there is nothing left")
		b.release(b.first, "a", fence, nil)
		b.take(b.first, "c")
	}},
	{"a release without a fence gives up a lease whose response was lost", func(b *bench) {
		fence := b.take(b.first, "a")
		b.release(b.first, "a", fence, &guard.Fact{Value: []byte("before"), TTL: ttl})
		b.take(b.first, "a")
		assert.True(b, b.release(b.first, "a", 0, &guard.Fact{Value: []byte("ignored"), TTL: ttl}))
		got := b.acquire(b.second, "b")
		assert.Positive(b, got.Fence)
		assert.Equal(b, "before", string(got.Fact.Value))
	}},
}

var handovers = []check{
	{"a fact goes from holder to holder, and to those who wait", func(b *bench) {
		fence := b.take(b.first, "a")
		b.release(b.first, "a", fence, &guard.Fact{Value: []byte("x"), TTL: ttl})
		got := b.acquire(b.second, "b")
		assert.Equal(b, "x", string(got.Fact.Value))
		assert.Equal(b, "x", string(b.acquire(b.first, "c").Fact.Value))
		b.release(b.second, "b", got.Fence, &guard.Fact{Value: []byte("y"), TTL: ttl})
		assert.Equal(b, "y", string(b.acquire(b.second, "d").Fact.Value), "it is replaced")
		got = b.acquire(b.first, "c")
		b.release(b.first, "c", got.Fence, nil)
		got = b.acquire(b.second, "d")
		assert.Equal(b, "y", string(got.Fact.Value), "it is kept")
		b.release(b.second, "d", got.Fence, &guard.Fact{})
		assert.Nil(b, b.acquire(b.first, "e").Fact.Value, "it is removed")
	}},
	{"a fact lives as long as its own TTL", func(b *bench) {
		fence := b.take(b.first, "a")
		b.release(b.first, "a", fence, &guard.Fact{Value: []byte("x"), TTL: 10 * ttl})
		b.take(b.second, "b")
		b.Advance(ttl + rest) // the lease ends
		got := b.acquire(b.first, "c")
		assert.Equal(b, "x", string(got.Fact.Value))
		assert.InDelta(b, (9*ttl - rest).Seconds(), got.Fact.TTL.Seconds(), rest.Seconds())
		b.release(b.first, "c", got.Fence, nil)
		b.Advance(9*ttl - 2*rest)
		assert.Equal(b, "x", string(b.acquire(b.second, "d").Fact.Value))
		b.Advance(2 * rest)
		assert.Nil(b, b.acquire(b.second, "d").Fact.Value)
	}},
}
