package pelican

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
)

// send makes one call and reads a success into out. conn may be nil: the call is then the
// application's own.
func (a *adapter) send(ctx context.Context, req rest.Request, conn *bankmux.Connection, out any) (*rest.Response, error) {
	req.Bearer = a.key.Reveal()
	if conn != nil {
		req.Header = http.Header{"Pelican-Grant": {conn.Credential().Reveal()}}
	}
	res, err := a.http.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		return nil, failure(res)
	}
	return res, res.Decode(out)
}

// failure is what an answer other than a success means. An unreadable one means what its status
// does.
func failure(res *rest.Response) error {
	var body errorAnswer
	_ = res.Decode(&body)
	return catalogue.Error(normalize.Failure{
		Endpoint: res.Endpoint(), Class: body.Type, Code: body.Code, Status: res.Status, RetryAfter: res.RetryAfter,
		RequestID: body.RequestID,
	})
}
