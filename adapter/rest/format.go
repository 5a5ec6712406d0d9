package rest

// This file prints requests and responses without their secrets.

import (
	"fmt"
	"io"
	"strconv"
)

// Format writes only the method, because path, header and body may contain credentials.
func (req Request) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, req.redacted()) }

// MarshalText returns only the method.
func (req Request) MarshalText() ([]byte, error) { return []byte(req.redacted()), nil }

func (req Request) redacted() string { return "rest.Request(" + req.Method + ")" }

// Format writes only the status, because the body may contain credentials and personal data.
func (r Response) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.redacted()) }

// MarshalText returns only the status.
func (r Response) MarshalText() ([]byte, error) { return []byte(r.redacted()), nil }

func (r Response) redacted() string { return "rest.Response(" + strconv.Itoa(r.Status) + ")" }
