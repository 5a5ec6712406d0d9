package dapi

// This file makes, checks and ends connections.

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bankmux/bankmux"
	"github.com/bankmux/bankmux/adapter/rest"
	"github.com/bankmux/bankmux/normalize"
	model "github.com/bankmux/bankmux/normalize/dapi"
)

// ExchangeToken exchanges the access code, then reads the bank.
func (a *adapter) ExchangeToken(
	ctx context.Context, req bankmux.ExchangeRequest,
) (res bankmux.ExchangeResult, err error) {
	in, err := postedOf(&req)
	if err != nil {
		return res, err
	}
	got := new(exchangeResponse)
	if err = a.exchange(ctx, &in, got); err == nil {
		err = a.connect(ctx, &req.Session, &in, got, &res.Connection)
	}
	return res, err
}

// exchange exchanges the code. There is no token yet.
func (a *adapter) exchange(ctx context.Context, in *posted, got *exchangeResponse) error {
	body := exchangeBody{AppSecret: a.api.secret.Reveal(), AccessCode: in.code, ConnectionID: in.connectionID}
	return do(ctx, a.api, exchangeToken, rest.Request{JSON: body}, got)
}

// connect makes the connection of a session whose code was exchanged. If there is an error, conn
// does not change.
func (a *adapter) connect(
	ctx context.Context, s *bankmux.Session, in *posted, got *exchangeResponse, conn *bankmux.Connection,
) error {
	to := access{got.AccessToken, in.userSecret}
	institution, err := a.bank(ctx, to)
	if err != nil && !conclusive(err) {
		institution, err = bankmux.Institution{}, nil // the code is spent, so the connection is kept as unverified
	}
	if err == nil && s.Reconnect != nil {
		err = otherBank(&s.Reconnect.Institution, &institution)
	}
	if err != nil {
		return a.endRefused(ctx, to, bankmux.ErrorOf(err))
	}
	return in.connection(s, got, &institution, conn)
}

// refusedBank is the error for a login that works, at a bank that the application must not have.
type refusedBank struct{ err *bankmux.Error }

func (r *refusedBank) Error() string { return r.err.Error() }

// Unwrap returns the error as the caller sees it.
func (r *refusedBank) Unwrap() error { return r.err }

// endFor is the time to end a refused access, also if the caller's time is over.
const endFor = 30 * time.Second

// endRefused ends the access of a login that is refused, because no connection has it. It returns
// the refusal. If the access stays open, that is an [bankmux.ErrInvalid] with a cause, whatever
// Dapi said about the login.
func (a *adapter) endRefused(ctx context.Context, to access, refusal *bankmux.Error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endFor)
	defer cancel()
	if err := a.delink(ctx, to); err != nil && !errors.Is(err, bankmux.ErrGone) {
		e := *refusal
		e.Kind = bankmux.ErrInvalid
		e.Detail = "the login is refused, and its access could not be ended"
		e.Err = err
		return &e
	}
	return refusal
}

// posted is what the front end posted.
type posted struct {
	fields                         bankmux.Payload
	code, connectionID, userSecret string
}

// postedOf reads what the front end posted.
func postedOf(req *bankmux.ExchangeRequest) (in posted, err error) {
	if in.fields, err = normalize.PayloadOf(*req, "exchangeable_token"); err != nil {
		return in, err
	}
	if in.code, err = normalize.PayloadToken(in.fields, "accessCode"); err != nil {
		return in, err
	}
	if in.connectionID, err = normalize.PayloadToken(in.fields, "connectionID"); err != nil {
		return in, err
	}
	in.userSecret, err = normalize.PayloadToken(in.fields, "userSecret")
	return in, err
}

// connection makes the connection at a bank, which is zero if it is not known. If there is an
// error, conn does not change.
func (in *posted) connection(
	s *bankmux.Session, got *exchangeResponse, institution *bankmux.Institution, conn *bankmux.Connection,
) error {
	grant, err := model.NewGrant(got.AccessToken, in.userSecret, in.connectionID, model.IDs{
		User: idOf(got.UserID, in.fields, "userID"), Token: idOf(got.TokenID, in.fields, "tokenID"),
	})
	if err != nil {
		return err
	}
	made, err := model.Connection(*s, grant, *institution)
	if err == nil {
		*conn = made
	}
	return err
}

// idOf returns an id that no call needs: that of the response, or else that of the payload.
func idOf(id string, fields bankmux.Payload, key string) string {
	if id == "" && fields.Has(key) {
		id, _ = fields.Text(key)
	}
	return id
}

// otherBank refuses a login at another bank than before, if both banks are known.
func otherBank(before, now *bankmux.Institution) error {
	if !model.AnotherBank(*before, *now) {
		return nil
	}
	return &refusedBank{&bankmux.Error{
		Kind:   bankmux.ErrInvalid,
		Code:   bankmux.CodeOtherBank,
		Field:  "ExchangeRequest.Payload",
		Status: http.StatusOK,
		Detail: "the user logged in at another bank",
	}}
}

// conclusive reports whether a failure to read the bank decides about the connection, so that it is
// not kept. The decision is Dapi's own code, or the adapter's. A status alone decides nothing,
// because it may come from a proxy. The list is local, because only
// Dapi's exchange makes this decision.
func conclusive(err error) bool {
	e := bankmux.ErrorOf(err)
	if e == nil || e.Unlisted {
		return false
	}
	switch e.Kind {
	case bankmux.ErrInvalid,
		bankmux.ErrReauth,
		bankmux.ErrGone,
		bankmux.ErrTokenSpent,
		bankmux.ErrCredentials,
		bankmux.ErrNotPermitted:
		return e.Code != "" || e.Field != ""
	}
	return false
}

// bank reads which bank a connection is at, and refuses a sandbox bank in production.
func (a *adapter) bank(ctx context.Context, to access) (bankmux.Institution, error) {
	got, err := a.metadata(ctx, to)
	if err != nil {
		return bankmux.Institution{}, err
	}
	return a.read(got)
}

// read returns the bank of a response.
func (a *adapter) read(got *metadataResponse) (bankmux.Institution, error) {
	b := got.bank()
	if b.BankID == "" && b.SwiftCode == "" && b.Name == "" {
		return bankmux.Institution{}, &bankmux.Error{
			Kind:   bankmux.ErrMalformed,
			Status: http.StatusOK,
			Detail: "the response does not name the bank",
		}
	}
	if a.env == bankmux.Production && model.SandboxBank(b) {
		return bankmux.Institution{}, &refusedBank{&bankmux.Error{
			Kind: bankmux.ErrInvalid, Field: "ExchangeRequest.Payload", Status: http.StatusOK,
			Detail: "the login is at a sandbox bank, but the client is for production",
		}}
	}
	return model.Institution(b)
}

func (a *adapter) metadata(ctx context.Context, to access) (*metadataResponse, error) {
	out := new(metadataResponse)
	if err := do(ctx, a.api, getMetadata, a.api.request(to, &dataBody{}), out); err != nil {
		return nil, err
	}
	return out, nil
}

// bank is the bank that the metadata describe.
func (r *metadataResponse) bank() model.Bank {
	return model.Bank{
		BankID: string(r.Metadata.BankID), OperationID: string(r.OperationID), SwiftCode: r.Metadata.SwiftCode,
		Name: r.Metadata.BankName, CountryCode: r.Metadata.Country.Code,
	}
}

// ConnectionStatus reads the bank's metadata. That proves that the connection works, and it never
// asks the user for anything.
//
// The exchange checked the login. So if the bank has another name or code now, banks have merged,
// and the connection is updated. A login that the exchange could not check may be refused now. The
// user must log in again then, as after a login that the bank rejects.
func (a *adapter) ConnectionStatus(ctx context.Context, req bankmux.StatusRequest) (bankmux.StatusResult, error) {
	conn := req.Connection
	to, err := accessOf(&conn)
	if err != nil {
		return bankmux.StatusResult{}, err
	}
	institution, err := a.bank(ctx, to)
	unchecked := conn.Status.State == bankmux.StateUnverified || conn.Status.Code == bankmux.CodeOtherBank
	if err == nil && unchecked {
		err = otherBank(&conn.Institution, &institution)
	}
	if refusal, ok := errors.AsType[*refusedBank](err); ok {
		refusal.err.Kind = bankmux.ErrReauth
	}
	if err != nil {
		return normalize.StatusAfter(conn, err)
	}
	conn.Institution = updated(conn.Institution, institution)
	if conn.Status.State == bankmux.StateUnverified {
		conn.Status.State = bankmux.StateActive
	}
	conn.Status = conn.Status.After(nil)
	conn.UpdatedAt = bankmux.Moment(time.Now())
	return bankmux.StatusResult{Connection: conn}, nil
}

// updated merges what a response says about a bank into what is known. What the response leaves out
// stays, because the country decides which day is today.
func updated(before, now bankmux.Institution) bankmux.Institution {
	if before.ID != "" && (now.ID == "" || now.ID == now.BIC) { // the response has no bank id
		now.ID = before.ID
	}
	now.Name = cmp.Or(now.Name, before.Name)
	now.Country = cmp.Or(now.Country, before.Country)
	now.BIC = cmp.Or(now.BIC, before.BIC)
	now.LogoURL = cmp.Or(now.LogoURL, before.LogoURL)
	return now
}

// Disconnect delinks the user at the bank.
func (a *adapter) Disconnect(ctx context.Context, req bankmux.DisconnectRequest) (bankmux.DisconnectResult, error) {
	conn := req.Connection
	to, err := accessOf(&conn)
	if err != nil {
		return bankmux.DisconnectResult{}, err
	}
	return normalize.Disconnected(conn, a.delink(ctx, to))
}

// delink ends an access. An access token that Dapi does not take gives no access. A changed login
// at the bank differs: Dapi still has that connection.
func (a *adapter) delink(ctx context.Context, to access) error {
	err := do(ctx, a.api, delinkUser, a.api.request(to, &dataBody{}), &envelope{})
	return normalize.Except(err, "INVALID_TOKEN")
}

// access is sent with every call on a connection. It is not stored.
type access struct{ token, userSecret string }

// accessOf unpacks the credential of a connection.
func accessOf(conn *bankmux.Connection) (to access, err error) {
	to.token, to.userSecret, err = model.Access(conn.Credential())
	return to, err
}

// allowed unpacks the credential. It refuses a login that the bank rejected before, since trying it
// again locks people out of their accounts. So it does a login that ConnectionStatus refused.
func allowed(conn *bankmux.Connection) (access, error) {
	if conn.Status.State == bankmux.StateReauth {
		return access{}, &bankmux.Error{
			Kind: bankmux.ErrReauth, Code: conn.Status.Code, NotSent: true,
			Detail: "this login was refused before, and another try could lock the user out",
		}
	}
	return accessOf(conn)
}
