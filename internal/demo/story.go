package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

func (s *story) firstPull(ctx context.Context) error {
	if err := s.run(ctx, 0, "pull"); err != nil {
		return err
	}
	return s.showGit("log", "-1", "--format=%an: %s")
}

func (s *story) editOnServer(ctx context.Context) error {
	uid, err := s.uid(supersettest.Chart, chartTitle)
	if err != nil {
		return err
	}
	err = s.server.EditAs("grace", supersettest.Chart, uid, func(f map[string]any) {
		f["description"] = "All orders, cancelled ones included"
	})
	if err != nil {
		return err
	}
	s.say(Aside, "   (in the browser: she gives the chart %q a description)", chartTitle)
	if err := s.run(ctx, 0, "pull"); err != nil {
		return err
	}
	if err := s.showGit("log", "-1", "--format=%an <%ae>: %s"); err != nil {
		return err
	}
	return s.showGit("show", "--format=", "--unified=1")
}

func (s *story) editInGit(ctx context.Context) error {
	if _, err := s.git(s.Dir, "clone", "-q", "remote.git", "ada"); err != nil {
		return err
	}
	const old, renamed = "title: Sales Dashboard\n", "title: Sales, all regions\n"
	file, data, err := findFile(s.path("ada", instance, "dashboards"), old)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, bytes.Replace(data, []byte(old), []byte(renamed), 1), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{{"commit", "-q", "-a", "-m", "Sales Dashboard: a clearer name"}, {"push", "-q", "origin", "main"}} {
		if _, err := s.git(s.path("ada"), args...); err != nil {
			return err
		}
	}
	s.say(Aside, "   (in her own clone: one line, git commit, git push)")
	if err := s.run(ctx, 0, "plan", instance); err != nil {
		return err
	}
	if err := s.run(ctx, 0, "apply", instance, "--yes"); err != nil {
		return err
	}
	for _, d := range s.server.Objects(supersettest.Dashboard) {
		if d.Title == "Sales, all regions" {
			s.say(Aside, "   (Superset now shows: %s)", d.Title)
			return nil
		}
	}
	return errors.New("the server does not show the new name")
}

func (s *story) disaster(ctx context.Context) error {
	s.server.Wipe()
	s.say(Aside, "   (somebody reset the metadata database: no dashboards, no charts, nothing)")
	head, err := s.git(s.path("dashboards"), "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if err := s.run(ctx, 3, "pull"); err != nil {
		return err
	}
	after, err := s.git(s.path("dashboards"), "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if after != head {
		return errors.New("the brake did not hold")
	}
	s.say(Aside, "   (the brake holds: Git still has everything)")
	return nil
}

func (s *story) restore(ctx context.Context) error {
	if err := s.run(ctx, 0, "restore", instance, "--at", "HEAD", "--yes"); err != nil {
		return err
	}
	if err := s.run(ctx, 0, "pull"); err != nil {
		return err
	}
	n := len(s.server.Objects(supersettest.Dashboard))
	status, err := s.git(s.path("dashboards"), "status", "--porcelain")
	if err != nil {
		return err
	}
	if n != 9 || status != "" {
		return fmt.Errorf("the server has %d dashboards and git status says %q", n, status)
	}
	s.say(Aside, "   (restored and verified equal: %d dashboards are back, and the pull after it finds no difference)", n)
	return nil
}

func (s *story) end(ctx context.Context) error {
	if s.Keep || !s.made {
		s.say(Heading, "\nThe repository: %s", s.path("dashboards"))
		s.say(Aside, "   look around: git -C %s log --stat", s.path("dashboards"))
	}
	if !s.Serve {
		return nil
	}
	s.say(Heading, "\nThe simulated Superset stays up at %s until Ctrl-C", s.url)
	s.say(Aside, "   in another terminal: dashkeep --config %s status", s.path("dashkeep.yaml"))
	<-ctx.Done()
	return nil
}

// showGit prints what git says about the working clone, indented.
func (s *story) showGit(args ...string) error {
	out, err := s.git(s.path("dashboards"), args...)
	if err != nil {
		return err
	}
	for _, l := range strings.Split(out, "\n") {
		s.say(Aside, "   %s", l)
	}
	return nil
}

func (s *story) uid(kind, title string) (string, error) {
	for _, o := range s.server.Objects(kind) {
		if o.Title == title {
			return o.UUID, nil
		}
	}
	return "", fmt.Errorf("the example content has no %s %q", kind, title)
}

// findFile finds the file in a folder that holds a line.
func findFile(dir, line string) (string, []byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return "", nil, err
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return "", nil, err
		}
		if bytes.Contains(data, []byte(line)) {
			return f, data, nil
		}
	}
	return "", nil, fmt.Errorf("no file in %s has the line %q", dir, line)
}
