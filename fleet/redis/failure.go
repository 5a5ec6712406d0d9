package redis

// This file has the errors, and the check of the eviction policy.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// ownError is an error whose text this package wrote. It wraps nothing, since go-redis replaces the
// error of a new connection by what it wraps.
type ownError string

func (e ownError) Error() string { return string(e) }

const errWindow = ownError("Take.Window is shorter than a millisecond")

// failure returns the error of a method. It has no text of the server beyond a code, since the text
// may quote names, values and the user.
func failure(method string, err error) error {
	var reason string
	var own ownError
	var server goredis.Error
	var network net.Error
	switch {
	case errors.As(err, &own):
		reason = own.Error()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("redis: %s: %w", method, err)
	case errors.As(err, &server):
		reason = ofServer(server.Error())
	case errors.Is(err, goredis.ErrPoolTimeout), errors.Is(err, goredis.ErrPoolExhausted):
		reason = "all connections are in use"
	case errors.Is(err, goredis.ErrClosed):
		reason = "the backend is closed"
	case errors.As(err, &network):
		reason = err.Error() // the address, and what the system says
	case errors.Is(err, io.EOF):
		reason = "the server closed the connection"
	default:
		reason = fmt.Sprintf("the request failed (%T)", err)
	}
	return fmt.Errorf("redis: %s: %s", method, reason)
}

// codes are the first words of error responses.
var codes = regexp.MustCompile(`^[A-Z]{2,20}$`)

// reasons says what codes mean.
//
//nolint:gosec // no credentials
var reasons = map[string]string{
	"NOAUTH":      "the server requires a password",
	"WRONGPASS":   "the server refused user and password",
	"NOPERM":      "the user lacks a permission",
	"OOM":         "the memory of the server is full",
	"MISCONF":     "the server cannot save its data and refuses to write",
	"READONLY":    "the server is a replica",
	"LOADING":     "the server is starting",
	"CLUSTERDOWN": "the cluster is down",
	"MOVED":       "the server is part of a cluster, so set Options.Cluster",
	"BUSY":        "the server is busy with a script",
}

// ofServer returns the reason for an error response.
func ofServer(text string) string {
	code, _, _ := strings.Cut(text, " ")
	if !codes.MatchString(code) {
		code = "unknown"
	}
	if reason, ok := reasons[code]; ok {
		return reason + " (" + code + ")"
	}
	return "the server responded with an error (" + code + ")"
}

// checkPolicy checks a new connection to a server. It uses INFO, as managed servers do not permit
// CONFIG.
func checkPolicy(ctx context.Context, c *goredis.Conn) error {
	info, err := c.Info(ctx, "memory").Result()
	if err != nil {
		if goredis.IsPermissionError(err) {
			return ownError("the user may not use INFO, which has the eviction policy (NOPERM)")
		}
		return err
	}
	const name = "maxmemory_policy:"
	for line := range strings.Lines(info) {
		policy, found := strings.CutPrefix(strings.TrimSpace(line), name)
		switch {
		case !found:
		case policy == "noeviction":
			return nil
		case codeOfPolicy.MatchString(policy):
			return ownError("the eviction policy of the server is " + policy + ", but must be noeviction")
		}
	}
	return ownError("INFO does not have the eviction policy, which must be noeviction")
}

// codeOfPolicy is the form of a policy.
var codeOfPolicy = regexp.MustCompile(`^[a-z-]{1,40}$`)
