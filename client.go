package bankmux

import "slices"

// Client is one provider under one set of credentials, with interceptors around every call. It has
// a method for every operation of this package. If the adapter lacks the operation, the method
// returns [ErrUnsupported] and sends nothing. A Client is itself a [Provider].
//
// A Client is immutable and safe for concurrent use.
type Client struct {
	name     string
	provider Provider
	desc     Description
	caps     []Capability
	decide   EffectDecider
	exits    ExitDecider
	chain    []Interceptor // outermost first
}

// NewClient returns a client with interceptors, outermost first, around an adapter. Sessions and
// connections store the name to find their client again, so it must never change. The packages
// below providers call NewClient themselves and return the client.
//
// NewClient panics if name is empty, or if p is nil, a *Client or a *Registry. Those would hide
// what the adapter can do. To add interceptors to a client, use [Client.With].
func NewClient(name string, p Provider, in ...Interceptor) *Client {
	switch p.(type) {
	case nil:
		panic("bankmux: NewClient: the provider is nil")
	case *Client, *Registry:
		panic("bankmux: NewClient: wants an adapter, not a client or registry; use Client.With to add interceptors")
	}
	if name == "" {
		panic("bankmux: NewClient: the name is empty")
	}
	c := &Client{
		name:     name,
		provider: p,
		desc:     Description{Provider: name},
		caps:     capabilities(p),
		chain:    slices.Clone(in),
	}
	if d, ok := p.(Describer); ok {
		c.desc = d.Describe()
	}
	c.decide, _ = p.(EffectDecider)
	c.exits, _ = p.(ExitDecider)
	return c
}

// With returns a copy of the client with more interceptors around the ones it has.
func (c *Client) With(in ...Interceptor) *Client {
	d := *c
	d.chain = slices.Concat(in, c.chain)
	return &d
}

// Name returns the name under which the client was made.
func (c *Client) Name() string { return c.name }

// Provider returns the name of the adapter, such as "moneykit".
func (c *Client) Provider() string { return c.desc.Provider }

// Environment returns what the client's credentials reach.
func (c *Client) Environment() Environment { return c.desc.Environment }

// Capabilities lists what the adapter can do besides linking, as found by type assertion.
func (c *Client) Capabilities() []Capability { return slices.Clone(c.caps) }

// Has reports whether the adapter has the capability.
func (c *Client) Has(capability Capability) bool { return slices.Contains(c.caps, capability) }
