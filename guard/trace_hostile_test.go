package guard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/guard"
)

func TestATraceRecordOfAHostileProvider(t *testing.T) {
	t.Parallel()
	const hostile = "x\n\x1b[31m\u202e\u200b\u3164\xff"
	op := bankmux.Op{
		Name: "Sync", Client: "c", Provider: "p", Connection: hostile, Institution: hostile, Product: hostile,
		Reference: bankmux.NewSecret("planted-reference"), User: "planted-user",
	}
	failure := &bankmux.Error{
		Kind:      bankmux.ErrUnavailable,
		Code:      hostile,
		RequestID: hostile,
		Detail:    hostile,
		Err:       errors.New("planted-cause"),
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"as text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"as JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			trace := guard.Trace(slog.New(handler(&log)))
			require.ErrorIs(
				t,
				trace(t.Context(), op, func(context.Context) error { return failure }),
				bankmux.ErrUnavailable,
			)
			line := strings.TrimSuffix(log.String(), "\n")
			assert.Equal(t, -1, strings.IndexFunc(line, func(r rune) bool {
				return r == unicode.ReplacementChar ||
					unicode.In(r, unicode.C, unicode.Other_Default_Ignorable_Code_Point)
			}), "%q", line)
			assert.Equal(
				t,
				6,
				strings.Count(line, `u3164`),
				"connection, institution, product, code, request and detail: %s",
				line,
			)
			for _, secret := range []string{"planted-reference", "planted-user", "planted-cause"} {
				assert.NotContains(t, line, secret)
			}
		})
	}
	assert.NotContains(
		t,
		fmt.Sprintf("%v %+v %#v %+v", op, op, op, struct{ op bankmux.Op }{op}),
		"planted-reference",
		"an interceptor may print the operation",
	)
}
