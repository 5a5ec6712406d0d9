package pelican

import (
	"context"
	"net/http"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
)

// send makes one call and reads a success into out. Where out is nil, only 204 is a success: it has
// no body, and any other answer may be the page of a proxy. conn may be nil: the call is then the
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
	switch {
	case res.Status/100 != 2:
		return nil, failure(res)
	case out != nil:
		return res, res.Decode(out)
	case res.Status != http.StatusNoContent:
		return nil, res.Lacks("the status 204")
	}
	return res, nil
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
