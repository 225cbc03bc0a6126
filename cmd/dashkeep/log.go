package main

import (
	"log/slog"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/config"
	"github.com/dashkeep/dashkeep/internal/secret"
)

// logger logs to stderr as the config says, at debug level with --verbose.
// Secrets are scrubbed from every line.
func (a *app) logger(c config.Log) *slog.Logger {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(c.Level)) // the config allows only the four levels
	if a.verbose {
		level = slog.LevelDebug
	}
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(a.err, o)
	if c.Format == "text" || (c.Format != "json" && terminal(a.err)) {
		h = slog.NewTextHandler(a.err, o)
	}
	return slog.New(secret.Handler(h, a.redactor))
}

// optionsNode is the platform's own settings, nil when there are none.
func optionsNode(c *config.Instance) *yaml.Node {
	if c.Options.IsZero() {
		return nil
	}
	return &c.Options
}
