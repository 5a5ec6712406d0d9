package providertest

import (
	"context"
	"errors"
	"iter"

	"github.com/bankmux/bankmux"
)

// viewed is the client under test. It shows whatever an application gives it and gets of it, and
// conceals the credentials among that.
type viewed struct {
	*bankmux.Client
	b *bench
}

// With is [bankmux.Client.With].
func (v *viewed) With(in ...bankmux.Interceptor) *viewed { return &viewed{v.Client.With(in...), v.b} }

// view makes a call and shows the request, the result and the error.
func view[Req, Res any](
	ctx context.Context,
	v *viewed,
	name string,
	req Req,
	call func(context.Context, Req) (Res, error),
) (Res, error) {
	leave := v.b.enter(name)
	res, err := call(ctx, req)
	leave()
	v.b.show(req)
	v.b.got(res, err)
	return res, err
}

// views is view for a list.
func views[Req, Res any](v *viewed, name string, req Req, list iter.Seq2[Res, error]) iter.Seq2[Res, error] {
	return func(yield func(Res, error) bool) {
		v.b.show(req)
		leave := v.b.enter(name)
		for res, err := range list {
			v.b.got(res, err)
			if !yield(res, err) {
				break
			}
		}
		leave()
	}
}

// got shows what came of a call. A result beside an error is empty, except of a partial one.
func (b *bench) got(res any, err error) {
	switch r := res.(type) {
	case bankmux.Session:
		b.conceal(r.Launch.Token.Reveal())
		b.conceal(r.Launch.URL.Reveal())
		b.conceal(r.State.Reveal())
	case bankmux.ExchangeResult:
		for _, conn := range r.All() {
			b.concealCredential(conn)
			if err == nil {
				b.keeper.Put(conn) // as an application stores it
			}
		}
	case bankmux.Connection:
		b.concealCredential(r)
	case bankmux.WebhookResult:
		for _, e := range r.Events {
			b.show(e)
		}
	}
	if _, partial := errors.AsType[*bankmux.PartialError](err); err == nil || partial {
		b.show(res)
	}
	b.show(err)
}
