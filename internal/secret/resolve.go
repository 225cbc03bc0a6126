package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	maxSize        = 64 << 10         // no password, token or key is larger
	commandTimeout = 30 * time.Second // vault and password-manager programs ask a network
)

// ErrNotSet is the error of resolving a Value that is not configured.
var ErrNotSet = errors.New("no secret is configured")

// Resolve fetches the secret afresh, so that a rotated one is seen at the next
// login. Errors name the variable, file or program and never hold a value; an
// empty secret is an error, because a server would only say "login refused".
func (v Value) Resolve(ctx context.Context) (string, error) {
	src := v.src()
	if src == nil {
		return "", ErrNotSet
	}
	s, err := src.fetch(ctx)
	if err != nil {
		return "", err
	}
	if s == "" {
		return "", fmt.Errorf("the secret from %s is empty", v.Source())
	}
	src.seen.Add(s)
	return s, nil
}

func (s *source) fetch(ctx context.Context) (string, error) {
	switch s.how {
	case env:
		v, ok := os.LookupEnv(s.text)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", s.text)
		}
		return v, nil
	case file:
		return s.readFile()
	case command:
		return s.run(ctx)
	}
	return s.text, nil
}

func (s *source) readFile() (string, error) {
	f, err := os.Open(s.path())
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && fi.IsDir() {
		return "", fmt.Errorf("secret file %s is a folder", s.path())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	if len(b) > maxSize {
		return "", fmt.Errorf("secret file %s is larger than %d KB", s.path(), maxSize>>10)
	}
	return trimLineEnd(string(b)), nil
}

// run starts the program without a shell. Neither its stderr nor its arguments
// are repeated in an error: both can hold secrets.
func (s *source) run(ctx context.Context) (string, error) {
	if len(s.command) == 0 || s.command[0] == "" {
		return "", errors.New("secret command names no program")
	}
	name := s.command[0]
	ctx, cancel := context.WithTimeoutCause(ctx, commandTimeout, errCommandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, s.command[1:]...)
	cmd.Dir = s.dir
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the pipe open
	killGroup(cmd)
	out := &bounded{max: maxSize}
	cmd.Stdout = out
	err := cmd.Run()
	switch {
	case context.Cause(ctx) == errCommandTimeout:
		return "", fmt.Errorf("secret command %s gave no answer within %s and was stopped", name, commandTimeout)
	case ctx.Err() != nil:
		return "", fmt.Errorf("secret command %s: %w", name, ctx.Err())
	case out.over:
		return "", fmt.Errorf("secret command %s printed more than %d KB", name, maxSize>>10)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("secret command %s ended with %s (its messages are not shown, they may hold secrets; run it by hand to see them)", name, exit.ProcessState)
	}
	if notFound := (*exec.Error)(nil); errors.As(err, &notFound) {
		return "", fmt.Errorf("secret command %s: %w", name, notFound.Err)
	}
	if err != nil {
		return "", fmt.Errorf("secret command %s: %w", name, err)
	}
	return trimLineEnd(out.buf.String()), nil
}

var errCommandTimeout = errors.New("secret command timed out")

func trimLineEnd(s string) string {
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}

// bounded keeps the first max bytes and notes that there were more.
type bounded struct {
	buf  bytes.Buffer
	max  int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.max - b.buf.Len(); len(p) > room {
		b.over = true
		b.buf.Write(p[:room])
		return len(p), nil
	}
	return b.buf.Write(p)
}

// Warning says what is unwise about the way the secret is kept: a file that
// other users of the machine may read. It is "" when there is nothing to say.
func (v Value) Warning() string {
	src := v.src()
	if src == nil || src.how != file {
		return ""
	}
	fi, err := os.Stat(src.path())
	if err != nil || !readableByOthers(fi) {
		return ""
	}
	return fmt.Sprintf("%s can be read by other users (mode %04o): chmod 600 it", v.Source(), fi.Mode().Perm())
}
