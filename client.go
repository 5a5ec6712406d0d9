package bankmux

import "slices"

// Client is what an application holds: one adapter under one set of
// credentials, with its interceptors around every call. It is itself a
// [Provider], and has a method for every operation the library knows; one that
// the adapter lacks returns [ErrUnsupported] and sends nothing.
//
// A Client is immutable and safe for concurrent use.
type Client struct {
	name     string
	provider Provider
	desc     Description
	caps     []Capability
	decide   EffectDecider
	chain    []Interceptor // outermost first
}

// NewClient puts interceptors, outermost first, around an adapter. The name is
// what sessions and connections carry to find their way back, so it must stay the
// same for as long as they are stored. The packages under providers call
// NewClient themselves and return the guarded client.
//
// It panics if name is empty or p is nil, a *Client or a *Registry: wrapping those
// would hide what the adapter can do; use [Client.With] instead.
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
	return c
}

// With returns a copy of the client with more interceptors around the ones it has.
func (c *Client) With(in ...Interceptor) *Client {
	d := *c
	d.chain = slices.Concat(in, c.chain)
	return &d
}

// Name is the name under which the client was made.
func (c *Client) Name() string { return c.name }

// Provider is the name of the adapter, such as "moneykit".
func (c *Client) Provider() string { return c.desc.Provider }

// Environment is what the client's credentials reach.
func (c *Client) Environment() Environment { return c.desc.Environment }

// Capabilities lists what the adapter can do besides linking, as found by type assertion.
func (c *Client) Capabilities() []Capability { return slices.Clone(c.caps) }

// Has reports whether the adapter has the capability.
func (c *Client) Has(capability Capability) bool { return slices.Contains(c.caps, capability) }
