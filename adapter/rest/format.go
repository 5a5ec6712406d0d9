package rest

import (
	"fmt"
	"io"
	"strconv"
)

// Format names the method alone: path, header and body may have credentials.
func (r Request) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.redacted()) }

// MarshalText names the method alone.
func (r Request) MarshalText() ([]byte, error) { return []byte(r.redacted()), nil }

func (r Request) redacted() string { return "rest.Request(" + r.Method + ")" }

// Format names the status alone: the body may have credentials and the data of a person.
func (r Response) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.redacted()) }

// MarshalText names the status alone.
func (r Response) MarshalText() ([]byte, error) { return []byte(r.redacted()), nil }

func (r Response) redacted() string { return "rest.Response(" + strconv.Itoa(r.Status) + ")" }
