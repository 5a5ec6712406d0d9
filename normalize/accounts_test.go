package normalize_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/normalize"
)

func TestAccountsThatWereAskedForAreReadOrNamed(t *testing.T) {
	t.Parallel()
	all := []bankmux.Account{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	unreadable := normalize.Unreadable("an account that cannot be read")
	failed := []bankmux.Failure{{Account: "d", Err: unreadable}, {Account: "e", Err: unreadable}, {Transaction: "row 6", Err: unreadable}}
	for name, c := range map[string]struct {
		ids, read []string
		failed    map[string]bankmux.Kind
	}{
		"all of them":                      {nil, []string{"a", "b", "c"}, map[string]bankmux.Kind{"d": bankmux.ErrMalformed, "e": bankmux.ErrMalformed, "": bankmux.ErrMalformed}},
		"two, in the provider's order":     {[]string{"c", "a"}, []string{"a", "c"}, map[string]bankmux.Kind{"": bankmux.ErrMalformed}},
		"one that is not there":            {[]string{"b", "x"}, []string{"b"}, map[string]bankmux.Kind{"x": bankmux.ErrNotFound, "": bankmux.ErrMalformed}},
		"one that is there and unreadable": {[]string{"d"}, nil, map[string]bankmux.Kind{"d": bankmux.ErrMalformed, "": bankmux.ErrMalformed}},
		"nothing but what is not there":    {[]string{"x", "y"}, nil, map[string]bankmux.Kind{"x": bankmux.ErrNotFound, "y": bankmux.ErrNotFound, "": bankmux.ErrMalformed}},
	} {
		t.Run(name, func(t *testing.T) {
			res := normalize.Accounts(c.ids, all, failed)
			var read []string
			for _, a := range res.Accounts {
				read = append(read, a.ID)
			}
			kinds := map[string]bankmux.Kind{}
			for _, f := range res.Failed {
				kinds[f.Account] = f.Err.Kind
			}
			assert.Equal(t, c.read, read)
			assert.Equal(t, c.failed, kinds)
			assert.Len(t, res.Failed, len(c.failed), "each is named once")
		})
	}
}
