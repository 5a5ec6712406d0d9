// These tests hold the page to what it says about several requests at a time.
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
)

// TestAtOnce specifies that requests of several users are handled at the same time.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	keyring, err := bankmux.NewKeyring(bankmux.Key{ID: "a", Material: bankmux.NewSecret(strings.Repeat("k", 32))})
	require.NoError(t, err)
	a := &app{keyring: keyring}
	answer := func(user, id string) int {
		r := httptest.NewRequest(http.MethodPost, "/answer/"+id, strings.NewReader("no JSON"))
		r.Header.Set("User", user)
		r.SetPathValue("challenge", id)
		w := httptest.NewRecorder()
		a.answer(w, r)
		return w.Code
	}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			user := fmt.Sprint("user-", n)
			for range 100 {
				shown := a.store(user, bankmux.Challenge{ID: "1", Inputs: []bankmux.Input{{Kind: bankmux.InputOTP}}})
				assert.Len(t, shown.Questions, 1)
				assert.Equal(t, http.StatusNotFound, answer("another", shown.Challenge))
				assert.Equal(t, http.StatusBadRequest, answer(user, shown.Challenge))
				assert.Equal(t, http.StatusNotFound, answer(user, shown.Challenge), "it is answered once")
			}
		})
	}
	all.Wait()
}
