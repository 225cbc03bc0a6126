// Package secret holds values that must never be printed.
package secret

// Value is a secret or the way to get it. It prints as "[redacted]" in every
// verb and encoding.
type Value struct {
	// filled in by package config; see resolve.go
	literal string
	env     string
	file    string
	command []string
}
