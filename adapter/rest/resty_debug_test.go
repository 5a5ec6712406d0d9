package rest_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux/adapter/rest"
)

// logs is a logger of resty's.
type logs struct{ bytes.Buffer }

func (l *logs) Errorf(format string, v ...any) { fmt.Fprintf(l, format, v...) }
func (l *logs) Warnf(format string, v ...any)  { fmt.Fprintf(l, format, v...) }
func (l *logs) Debugf(format string, v ...any) { fmt.Fprintf(l, format, v...) }

// TestRestyDebugOutput specifies that debug output has no credential, however it is requested.
func TestRestyDebugOutput(t *testing.T) {
	t.Parallel()
	eachRequest := func(change func(*resty.Request)) func(*resty.Client) {
		return func(c *resty.Client) {
			c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error { change(r); return nil })
		}
	}
	for name, add := range map[string]func(*resty.Client){
		"of every request": func(c *resty.Client) { c.SetDebug(true) },
		"of one request":   eachRequest(func(r *resty.Request) { r.SetDebug(true) }),
		"with a trace":     func(c *resty.Client) { c.SetDebug(true).EnableTrace() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int32
			server := jsonServer(t, &arrived)
			var out logs
			c := rest.New(rest.Config{BaseURL: server.URL, Resty: func(c *resty.Client) {
				c.SetLogger(&out)
				add(c)
			}})
			_, err := c.Do(t.Context(), payment)
			require.NoError(t, err)
			assert.Contains(t, out.String(), "POST  /payments/")
			assert.Contains(t, out.String(), "200 OK")
			assert.Contains(t, out.String(), "Api-Secret")
			assert.Contains(t, out.String(), "Authentication-Info")
			assert.Regexp(t, `Content-Type *: application/json`, out.String())
			for _, secret := range []string{"planted", "secret:", "token"} {
				assert.NotContains(t, out.String(), secret)
			}
		})
	}
}

// TestRestyWithoutLogger specifies that debug output needs a logger. The test is not parallel,
// since it replaces the standard error.
func TestRestyWithoutLogger(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	standard := os.Stderr
	os.Stderr = write
	defer func() { os.Stderr = standard }()
	var arrived atomic.Int32
	server := jsonServer(t, &arrived)
	c := rest.New(rest.Config{BaseURL: server.URL, Resty: func(c *resty.Client) { c.SetDebug(true) }})
	_, err = c.Do(t.Context(), payment)
	require.NoError(t, err)
	require.NoError(t, write.Close())
	printed, err := io.ReadAll(read)
	require.NoError(t, err)
	assert.Empty(t, string(printed))
	assert.EqualValues(t, 1, arrived.Load())
}
