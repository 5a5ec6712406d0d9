package bankmux_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

func TestWithCredential(t *testing.T) {
	t.Parallel()
	t.Run("only the credential changes", onlyTheCredentialChanges)
}

func onlyTheCredentialChanges(t *testing.T) {
	t.Parallel()
	conn := opened(t) // its reference is its credential
	renewed := conn.WithCredential(bankmux.NewSecret("renewed"))
	assert.Equal(t, "renewed", renewed.Credential().Reveal())
	assert.Equal(t, planted, conn.Credential().Reveal())
	assert.Equal(t, planted, renewed.Reference())
	assert.Equal(t, conn.ReferenceKey, renewed.ReferenceKey)
	assert.Equal(t, conn.Ref(), renewed.Ref())
	ring, err := bankmux.NewKeyring(bankmux.Key{ID: "k", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	row, err := renewed.Seal(ring)
	require.NoError(t, err)
	back, err := bankmux.Open(ring, conn.Ref(), row)
	require.NoError(t, err)
	assert.Equal(t, renewed, back)
}

func TestMemoryKeeper(t *testing.T) {
	t.Parallel()
	type (
		memory = *bankmux.MemoryKeeper
		row    = bankmux.Connection
	)
	keep := func(_ context.Context, stored row) (row, error) { return stored, nil }
	for name, test := range map[string]func(t *testing.T, k memory, conn row){
		"what was never put is stored as the caller has it": func(t *testing.T, k memory, conn row) {
			require.NoError(t, k.Update(t.Context(), conn, keep))
			stored, ok := k.Get(conn.Ref())
			assert.True(t, ok)
			assert.Equal(t, conn, stored)
		},
		"the stored connection counts, not the caller's": func(t *testing.T, k memory, conn row) {
			newer := conn.WithCredential(bankmux.NewSecret("newer"))
			k.Put(newer)
			require.NoError(t, k.Update(t.Context(), conn, func(_ context.Context, stored row) (row, error) {
				assert.Equal(t, newer, stored)
				return stored, nil
			}))
		},
		"a change that fails writes nothing": func(t *testing.T, k memory, conn row) {
			k.Put(conn)
			err := k.Update(t.Context(), conn, func(_ context.Context, stored row) (row, error) {
				return stored.WithCredential(bankmux.NewSecret("newer")), io.EOF
			})
			require.ErrorIs(t, err, io.EOF)
			stored, _ := k.Get(conn.Ref())
			assert.Equal(t, conn, stored)
		},
		"a change to another connection is refused": func(t *testing.T, k memory, conn row) {
			k.Put(conn)
			require.ErrorIs(t, k.Update(t.Context(), conn, func(_ context.Context, stored row) (row, error) {
				stored.User = "u-2"
				return stored, nil
			}), bankmux.ErrInvalid)
			stored, _ := k.Get(conn.Ref())
			assert.Equal(t, conn, stored)
		},
		"a deleted row is gone until it is put again": func(t *testing.T, k memory, conn row) {
			k.Delete(conn.Ref())
			require.ErrorIs(t, k.Update(t.Context(), conn, keep), bankmux.ErrGone)
			_, ok := k.Get(conn.Ref())
			assert.False(t, ok)
			k.Put(conn)
			require.NoError(t, k.Update(t.Context(), conn, keep))
		},
		"one updates a row at a time, and a caller can give up waiting": func(t *testing.T, k memory, conn row) {
			var all sync.WaitGroup
			inside := 0
			for range 8 {
				all.Go(func() {
					assert.NoError(t, k.Update(t.Context(), conn, func(_ context.Context, stored row) (row, error) {
						inside++
						assert.Equal(t, 1, inside)
						time.Sleep(time.Second)
						inside--
						return stored, nil
					}))
				})
			}
			time.Sleep(time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			require.ErrorIs(t, k.Update(ctx, conn, keep), context.DeadlineExceeded)
			all.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, conn := linked(t, bankmux.NewClient("heron", &fake{provider: "heron"}), "u-1")
				test(t, new(bankmux.MemoryKeeper), conn) // a zero value is an empty keeper
			})
		})
	}
}
