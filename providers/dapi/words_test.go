package dapi_test

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/providers/dapi"
	"github.com/bankmux/bankmux/virtualbank"
)

// refusing answers everything with a failed envelope.
type refusing struct{ body string }

func (r refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode:    http.StatusBadRequest,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Request:       req,
		ContentLength: int64(len(r.body)),
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(strings.NewReader(r.body)),
	}, nil
}

func TestOfDapisWordsOnlyTheNameOfAFieldIsKept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, kind, msg, field string }{
		{"a field", "INVALID_ARGS", `"Validation error on field 'connectionID'"`, "connectionID"},
		{"a field and a value", "INVALID_ARGS", `"Field 'accountID' failed validation: 'rosa'"`, "accountID"},
		{"a missing parameter", "PARAMETER_MISSING", `"missing required parameter: 'userSecret'"`, "userSecret"},
		{"a wrong date", "BAD_REQUEST", strconv.Quote(`field "fromDate" is rosa`), "fromDate"},
		{"a sentence without a field", "INVALID_ARGS", `"rosa is wrong"`, ""},
		{"a value in marks", "INVALID_ARGS", `"the value 'rosa' is wrong"`, ""},
		{"a number", "INVALID_ARGS", `77`, ""},
		{"an object", "INVALID_ARGS", `{"field":"rosa"}`, ""},
		{"an error that is not of the request", "INVALID_TOKEN", `"field 'rosa' is wrong"`, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			client := s.another(func(config *dapi.Config) {
				config.HTTPClient = &http.Client{
					Transport: refusing{
						body: `{"success":false,"status":"failed","type":"` + c.kind + `","msg":` + c.msg + `}`,
					},
				}
			})
			_, err := client.ExchangeToken(t.Context(), s.post(client, request, virtualbank.DapiLink{}))
			e, ok := errors.AsType[*bankmux.Error](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, c.kind, e.Code)
			assert.Equal(t, c.field, e.Field)
			assert.NotContains(t, err.Error(), "rosa")
			if c.field != "" {
				assert.ErrorContains(t, err, "(field "+c.field+", HTTP 400, "+c.kind)
			}
		})
	}
}
