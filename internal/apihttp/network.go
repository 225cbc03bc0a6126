package apihttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// NetworkKind says why there was no answer.
type NetworkKind string

// The ways a request can fail without an answer.
const (
	Unreachable NetworkKind = "unreachable" // refused, no route, no listener
	DNS         NetworkKind = "dns"         // the name does not resolve
	TLSFailure  NetworkKind = "tls"         // certificate or handshake
	Timeout     NetworkKind = "timeout"     // no answer, or silence within one
	Cut         NetworkKind = "cut"         // the connection ended early
)

// NetworkError says that no whole answer came. Its text is one plain sentence.
type NetworkError struct {
	Instance string
	Method   string
	Path     string
	Host     string
	Kind     NetworkKind
	Reason   string
	Tries    int // how often it was asked, when more than once
	Err      error

	sent bool // the server may have acted on the request
}

func (e *NetworkError) Error() string {
	return fmt.Sprintf("instance %s: %s %s: %s%s", e.Instance, e.Method, e.Path, e.Reason, afterTries(e.Tries))
}

// GoString is the error's text.
func (e *NetworkError) GoString() string { return e.Error() }

func (e *NetworkError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed a little later.
func (e *NetworkError) Temporary() bool {
	if e.Kind == DNS {
		d := (*net.DNSError)(nil)
		return errors.As(e.Err, &d) && (d.IsTimeout || d.IsTemporary) && !d.IsNotFound
	}
	return e.Kind != TLSFailure
}

// cutError marks a body that ended early.
type cutError struct{ err error }

func (e *cutError) Error() string { return e.err.Error() }
func (e *cutError) Unwrap() error { return e.err }

var (
	errStalled = errors.New("stalled")
	errTimeout = errors.New("timed out")
)

// networkError turns what net/http returned into a sentence.
func (a *attempt) networkError(ctx context.Context, err error) *NetworkError {
	e := &NetworkError{Instance: a.c.o.Instance, Method: a.r.method(), Path: a.scrub(a.r.Path), Host: a.c.base.Host, Err: err, sent: true}
	e.classify(ctx, a.c)
	e.Reason = a.scrub(e.Reason)
	return e
}

func (e *NetworkError) classify(ctx context.Context, c *Client) {
	err, host := e.Err, e.Host
	var dns *net.DNSError
	var op *net.OpError
	var cut *cutError
	isOp := errors.As(err, &op)
	switch {
	case errors.Is(context.Cause(ctx), errStalled):
		e.Err, e.Kind, e.Reason = errStalled, Timeout, fmt.Sprintf("%s sent nothing for %s in the middle of its answer", host, c.o.StallTimeout)
	case errors.Is(context.Cause(ctx), errTimeout):
		e.Err, e.Kind, e.Reason = errTimeout, Timeout, fmt.Sprintf("%s gave no whole answer in time", host)
	case errors.As(err, &cut):
		e.Kind, e.Reason = Cut, fmt.Sprintf("the answer of %s was cut off: %v", host, cut.err)
	case errors.As(err, &dns):
		e.Kind, e.sent = DNS, false
		e.Reason = fmt.Sprintf("the host name %s does not resolve (%s): check url and the network", OneLine(dns.Name, 100), OneLine(dns.Err, 100))
	case isOp && op.Op == "proxyconnect":
		e.Kind, e.sent = Unreachable, false
		e.Reason = fmt.Sprintf("the HTTP proxy of the environment (HTTPS_PROXY) cannot be reached: %s", plain(op.Err))
	case isOp && op.Op == "dial":
		e.Kind, e.sent = Unreachable, false
		e.Reason = fmt.Sprintf("%s cannot be reached: %s", host, plain(op.Err))
		if op.Timeout() {
			e.Kind = Timeout
		}
	case strings.Contains(err.Error(), "TLS handshake timeout"):
		e.Kind, e.sent, e.Reason = Timeout, false, fmt.Sprintf("%s accepts connections but does not finish the TLS handshake", host)
	case tlsReason(err, c.base.Hostname()) != "":
		e.Kind, e.sent, e.Reason = TLSFailure, false, tlsReason(err, c.base.Hostname())
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		e.Kind, e.Reason = Cut, fmt.Sprintf("%s closed the connection before its answer was whole", host)
	default:
		e.Kind, e.Reason = Cut, fmt.Sprintf("the connection to %s failed: %s", host, plain(err))
	}
}

// plain is the innermost text: outer ones repeat addresses.
func plain(err error) string {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "connection refused, nothing listens there"
	}
	if t, ok := err.(interface{ Timeout() bool }); ok && t.Timeout() {
		return "no answer in time"
	}
	for {
		in := errors.Unwrap(err)
		if in == nil {
			return OneLine(err.Error(), 200)
		}
		err = in
	}
}

// tlsReason names what is wrong with a certificate or handshake; "" when err is
// not about TLS.
func tlsReason(err error, host string) string {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return expiredReason(invalid, host)
	case errors.As(err, &name):
		return fmt.Sprintf("the TLS certificate of %s is for %s, not for this host: check url", host, certNames(name.Certificate))
	case errors.As(err, &unknown):
		return fmt.Sprintf("the TLS certificate of %s is signed by an authority this machine does not know: set tls.ca_file to its certificate", host)
	case errors.As(err, &record):
		return fmt.Sprintf("%s does not speak TLS on this port: check url (http:// or https://, port)", host)
	case errors.As(err, &alert):
		return fmt.Sprintf("%s refused the TLS handshake: %s", host, OneLine(alert.Error(), 100))
	case errors.As(err, &verify), errors.As(err, &invalid):
		return fmt.Sprintf("the TLS certificate of %s is not valid: %s", host, plain(err))
	case strings.Contains(err.Error(), "tls: "):
		return tlsText(plain(err), host)
	}
	return ""
}

func tlsText(text, host string) string {
	if strings.Contains(text, "protocol version") {
		return fmt.Sprintf("%s offers only TLS versions below 1.2, which are refused because they are broken", host)
	}
	return fmt.Sprintf("the TLS handshake with %s failed: %s", host, text)
}

func expiredReason(e x509.CertificateInvalidError, host string) string {
	const day = "2006-01-02"
	if e.Cert != nil && strings.Contains(e.Detail, "before") {
		return fmt.Sprintf("the TLS certificate of %s is not valid before %s: check this machine's clock", host, e.Cert.NotBefore.Format(day))
	}
	if e.Cert == nil {
		return fmt.Sprintf("the TLS certificate of %s has expired", host)
	}
	return fmt.Sprintf("the TLS certificate of %s expired on %s: it must be renewed", host, e.Cert.NotAfter.Format(day))
}

func certNames(c *x509.Certificate) string {
	var names []string
	names = append(names, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host"
	}
	if len(names) > 3 {
		names = append(names[:3], "…")
	}
	return OneLine(strings.Join(names, ", "), 200)
}
