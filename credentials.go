package bankmux

// This file checks the application's own credentials.

import "context"

// CheckRequest has no parameters yet.
type CheckRequest struct{}

func (*CheckRequest) prepare(*Client, *Op) error { return nil }

// CheckResult says to which application the credentials belong.
type CheckResult struct {
	App string // the application's name at the provider, "" if unknown
}

// Check asks the provider whether it accepts the client's credentials. The error is
// [ErrCredentials] if it rejects them. It may be repeated. For the other errors see
// [CredentialChecker].
func (c *Client) Check(ctx context.Context) error {
	_, err := call(ctx, c, &opCheck, new(CheckRequest), CredentialChecker.CheckCredentials)
	return err
}
