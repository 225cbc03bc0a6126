package secret

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
)

// Handler scrubs every record of what r knows before next sees it: message,
// attributes, groups, errors and values that only next would turn into text.
// The text of an attribute named like a secret is replaced whatever it holds.
func Handler(next slog.Handler, r *Redactor) slog.Handler { return &handler{next: next, r: r} }

type handler struct {
	next slog.Handler
	r    *Redactor
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, h.r.Scrub(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h *handler) WithAttrs(as []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(as))
	for i, a := range as {
		clean[i] = h.attr(a)
	}
	return &handler{next: h.next.WithAttrs(clean), r: h.r}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{next: h.next.WithGroup(name), r: h.r}
}

func (h *handler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		in := v.Group()
		out := make([]slog.Attr, len(in))
		for i, m := range in {
			out[i] = h.attr(m)
		}
		v = slog.GroupValue(out...)
	case slog.KindString:
		if secretName(a.Key) {
			return slog.String(a.Key, Redacted)
		}
		v = slog.StringValue(h.r.Scrub(v.String()))
	case slog.KindAny:
		if secretName(a.Key) {
			return slog.String(a.Key, Redacted)
		}
		v = h.any(v.Any())
	}
	return slog.Attr{Key: h.r.Scrub(a.Key), Value: v}
}

// any keeps a value whose printed forms hold no secret, and else replaces it by
// its scrubbed text.
func (h *handler) any(x any) slog.Value {
	var text string
	switch t := x.(type) {
	case error:
		return slog.StringValue(h.r.Scrub(t.Error()))
	case []byte:
		return slog.StringValue(h.r.Scrub(string(t)))
	default:
		text = fmt.Sprintf("%+v", x)
	}
	clean := h.r.Scrub(text)
	if j, err := json.Marshal(x); err == nil && h.r.Scrub(string(j)) != string(j) {
		return slog.StringValue(h.r.Scrub(string(j)))
	}
	if clean != text {
		return slog.StringValue(clean)
	}
	return slog.AnyValue(x)
}

func secretName(key string) bool {
	switch strings.ToLower(strings.ReplaceAll(key, "-", "_")) {
	case "password", "passwd", "secret", "token", "access_token", "refresh_token",
		"api_key", "apikey", "authorization", "cookie", "set_cookie", "x_csrftoken":
		return true
	}
	return false
}
