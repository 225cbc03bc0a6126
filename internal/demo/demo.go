// Package demo tells dashkeep's whole story in seconds on embedded parts: a
// simulated Superset filled with the example dashboards and a bare Git remote in
// a folder of its own. It runs the program's own commands and shows what they
// print, so that nothing in the story is staged.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// Options say where the demo plays.
type Options struct {
	Dir   string // a folder of its own is made when empty
	Keep  bool   // leave the folder when the story is told
	Serve bool   // then keep the simulated server up until ctx ends
	Out   io.Writer
	// Run carries out one dashkeep command line and returns its exit code; what it
	// prints goes to Out.
	Run func(ctx context.Context, args ...string) int
	// Style paints a line of the narration; nil leaves it plain.
	Style func(Line, string) string
}

// Line is the role of a line in the narration.
type Line uint8

// The roles.
const (
	Heading Line = iota // a step of the story
	Command             // a command as a person would type it
	Aside               // what happens outside of dashkeep
)

// The chart that the story turns on: "Total Revenue" on the Sales Dashboard of
// Superset's examples.
const (
	chartTitle = "Total Revenue"
	instance   = "prod"
)

// Run tells the story. An error says which step did not go as it must.
func Run(ctx context.Context, o Options) error {
	s := &story{Options: o}
	if err := s.prepare(); err != nil {
		return err
	}
	defer s.cleanUp()
	steps := []struct {
		title string
		step  func(context.Context) error
	}{
		{"A Superset with 9 dashboards, 102 charts and 20 datasets, and an empty Git remote", s.firstPull},
		{"Grace edits a chart in Superset", s.editOnServer},
		{"Ada renames a dashboard in Git and pushes", s.editInGit},
		{"Disaster: the server loses everything", s.disaster},
		{"Restore", s.restore},
	}
	for i, st := range steps {
		s.say(Heading, "\n%d. %s", i+1, st.title)
		if err := st.step(ctx); err != nil {
			return fmt.Errorf("demo, step %d: %w", i+1, err)
		}
	}
	return s.end(ctx)
}

// story is the state of one telling.
type story struct {
	Options
	server *supersettest.Server
	http   *http.Server
	url    string
	made   bool // Dir is ours to remove
}

func (s *story) say(l Line, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if s.Style != nil {
		text = s.Style(l, text)
	}
	fmt.Fprintln(s.Out, text)
}

// prepare starts the server, makes the remote and writes the config.
func (s *story) prepare() (err error) {
	if _, err := exec.LookPath("git"); err != nil {
		return errors.New("the demo needs git on the PATH: it plays the remote and Ada's own clone")
	}
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("", "dashkeep-demo-"); err != nil {
			return err
		}
		s.made = true
	} else if s.Dir, err = emptyDir(s.Dir); err != nil {
		return err
	}
	s.server = supersettest.New(
		supersettest.WithUsers(
			supersettest.User{Username: "grace", Password: "grace", First: "Grace", Last: "Hopper", Email: "grace@example.com"},
			supersettest.User{Username: "dashkeep", Password: demoPassword, First: "Dash", Last: "Keep", Email: "dashkeep@example.com"}))
	if err := s.server.Seed(supersettest.Examples); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.url = "http://" + l.Addr().String()
	s.http = &http.Server{Handler: s.server, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(l) }() // ends when cleanUp closes the server
	if _, err := s.git(s.Dir, "init", "-q", "--bare", "-b", "main", "remote.git"); err != nil {
		return err
	}
	return s.writeConfig()
}

// demoPassword opens nothing but the simulated server.
const demoPassword = "only-for-the-demo"

func emptyDir(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty: name a new folder with --dir", dir)
	}
	return filepath.Abs(dir)
}

func (s *story) writeConfig() error {
	if err := os.WriteFile(s.path("password"), []byte(demoPassword+"\n"), 0o600); err != nil {
		return err
	}
	text := fmt.Sprintf(`version: 1
repo:
  path: ./dashboards
  remote: ./remote.git
instances:
  - name: %s
    platform: superset
    url: %s
    auth: {username: dashkeep, password: {file: ./password}}
    direction: two-way
`, instance, s.url)
	return os.WriteFile(s.path("dashkeep.yaml"), []byte(text), 0o600)
}

func (s *story) path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

func (s *story) cleanUp() {
	_ = s.http.Close()
	if s.made && !s.Keep {
		_ = os.RemoveAll(s.Dir)
	}
}

// run shows a command, carries it out and checks its exit code.
func (s *story) run(ctx context.Context, want int, args ...string) error {
	s.say(Command, "$ dashkeep %s", strings.Join(args, " "))
	if got := s.Run(ctx, append([]string{"--quiet", "--config", s.path("dashkeep.yaml")}, args...)...); got != want {
		return fmt.Errorf("dashkeep %s ended with %d, not %d", strings.Join(args, " "), got, want)
	}
	return nil
}

// git runs the git binary, untouched by the machine's own configuration.
func (s *story) git(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=Ada Lovelace", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada Lovelace", "GIT_COMMITTER_EMAIL=ada@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimRight(string(out), "\n"), nil
}
