package redirect

import (
	"context"
	"net/http"
	"net/url"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// send makes one request and reads the answer into v. id stands for {id} in the path.
func (a *adapter) send(ctx context.Context, method, path, id string, req rest.Request, v any) (*rest.Response, error) {
	req.Method, req.Path, req.PathParams = method, path, map[string]string{"id": id}
	res, err := a.http.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		return nil, failure(res)
	}
	return res, res.Decode(v)
}

// read makes a request with the user's token. *conn gets the token that was used last.
func (a *adapter) read(
	ctx context.Context, conn *bankmux.Connection, path, id string, query url.Values, v any,
) (res *rest.Response, err error) {
	err = a.tokens.Do(ctx, conn, func(ctx context.Context, access bankmux.Secret) (err error) {
		req := rest.Request{Query: query, Bearer: access.Reveal(), Header: psu(ctx)}
		res, err = a.send(ctx, http.MethodGet, path, id, req, v)
		return err
	})
	return res, err
}

// psu is the header that says that the user is there: all of it or none, for banks refuse half.
func psu(ctx context.Context) http.Header {
	who, _ := bankmux.PresenceOf(ctx)
	if !who.PSU() {
		return nil
	}
	return http.Header{"Psu-Ip-Address": {who.IP.String()}, "Psu-User-Agent": {who.UserAgent}}
}
