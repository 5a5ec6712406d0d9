package redirect

import (
	"context"
	"maps"
	"net/http"
	"net/url"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
)

// send makes one request with the application's key and reads the answer into out. id stands for
// {id} in the path.
func (a *adapter) send(ctx context.Context, method, path, id string, req rest.Request, out any) (*rest.Response, error) {
	req.Method, req.Path, req.PathParams = method, path, map[string]string{"id": id}
	header := http.Header{"Osprey-Key": {a.key.Reveal()}}
	maps.Copy(header, req.Header)
	req.Header = header
	res, err := a.http.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		return nil, failure(res)
	}
	return res, res.Decode(out)
}

// read makes a request with the user's token. *conn gets the token that was used last.
func (a *adapter) read(
	ctx context.Context, conn *bankmux.Connection, path, id string, query url.Values, out any,
) (res *rest.Response, err error) {
	err = a.tokens.Do(ctx, conn, func(ctx context.Context, access bankmux.Secret) error {
		req := rest.Request{Query: query, Bearer: access.Reveal(), Header: psu(ctx)}
		res, err = a.send(ctx, http.MethodGet, path, id, req, out)
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

// proof is the header that shows a verifier, nil without one.
func proof(verifier string) http.Header {
	if verifier == "" {
		return nil
	}
	return http.Header{"Osprey-Verifier": {verifier}}
}
