package rest

// This file prints requests and responses without their secrets.

import (
	"fmt"
	"io"
	"strconv"
)

// Format writes only the method, because path, header and body may contain credentials.
func (r Request) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.redacted()) }

// MarshalText returns only the method.
func (r Request) MarshalText() ([]byte, error) { return []byte(r.redacted()), nil }

func (r Request) redacted() string { return "rest.Request(" + r.Method + ")" }

// Format writes only the status, because the body may contain credentials and personal data.
func (r Response) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.redacted()) }

// MarshalText returns only the status.
func (r Response) MarshalText() ([]byte, error) { return []byte(r.redacted()), nil }

func (r Response) redacted() string { return "rest.Response(" + strconv.Itoa(r.Status) + ")" }
