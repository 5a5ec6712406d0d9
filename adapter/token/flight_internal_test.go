package token

// This file specifies a caller that comes when a fetch ends.

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux/internal/allowance"
)

func TestPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetches := 0
		s := NewSource(time.Minute, func(context.Context) (Token, error) {
			fetches++
			time.Sleep(time.Second)
			return Token{}, errors.New("no")
		})
		ask := func(ctx context.Context) { _, err := s.Token(ctx); assert.Error(t, err) }
		var all sync.WaitGroup
		all.Go(func() { ask(t.Context()) })
		synctest.Wait()
		s.part() // the fetch has ended, and its callers have not noticed
		all.Go(func() { ask(allowance.NewContext(t.Context(), allowance.New(1))) })
		all.Wait()
		assert.Equal(t, 2, fetches, "it does not limit a fetch that it does not wait for")
		assert.Nil(t, s.waiting)
	})
}
