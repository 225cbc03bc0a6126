package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// TestScript runs testdata/scripts/*.txtar: one scenario per file, the program
// as a process, a simulated Superset at $URL (and over TLS at $TLS_URL) filled
// with the example dashboards, an empty bare remote at $WORK/remote.git.
//
// Commands beside testscript's own:
//
//	exits CODE PROGRAM ARG...   run it and compare the exit code
//	server VERB ARG...          play the server: see serverCommand
//	replace OLD NEW FILE        change a text that stands in the file once
//	rights VERB ARG...          play an administrator of the server: see rightsCommand
//	boards VERB ARG...          play a server of the BI dashboards API: see boardsCommand
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "scripts"),
		RequireExplicitExec: true,
		Setup:               scriptSetup,
		Condition:           scriptCondition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exitsCommand, "server": serverCommand, "replace": replaceCommand, "boards": boardsCommand, "rights": rightsCommand,
		},
	})
}

// scriptCondition: [race] is true under the race detector. The longest scripts skip
// there; make check runs them without it.
func scriptCondition(name string) (bool, error) {
	if name != "race" {
		return false, fmt.Errorf("no condition %q", name)
	}
	return raceDetector, nil
}

type simKey struct{}

func scriptSetup(env *testscript.Env) error {
	sim := supersettest.New(supersettest.WithUsers(
		supersettest.User{Username: "grace", Password: "grace", First: "Grace", Last: "Hopper", Email: "grace@example.com"}))
	if err := sim.Seed(supersettest.Examples); err != nil {
		return err
	}
	plain, secure := httptest.NewServer(sim), httptest.NewTLSServer(sim)
	secure.Config.ErrorLog = nil
	env.Defer(plain.Close)
	env.Defer(secure.Close)
	env.Values[simKey{}] = sim
	env.Setenv("URL", plain.URL)
	env.Setenv("TLS_URL", secure.URL)
	env.Setenv("SUPERSET_PASSWORD", password)
	if err := boardServers(env); err != nil {
		return err
	}
	env.Setenv("GORACE", briefExit)
	env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	env.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		env.Setenv("GIT_"+who+"_NAME", "Ada Lovelace")
		env.Setenv("GIT_"+who+"_EMAIL", "ada@example.com")
	}
	cmd := exec.Command("git", "init", "-q", "--bare", "-b", "main", filepath.Join(env.WorkDir, "remote.git"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git init: %w: %s", err, out)
	}
	return expandConfigs(env)
}

// expandConfigs puts the servers' addresses into the script's config files.
func expandConfigs(env *testscript.Env) error {
	files, err := filepath.Glob(filepath.Join(env.WorkDir, "*.yaml"))
	if err != nil {
		return err
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		text := strings.NewReplacer("$URL", env.Getenv("URL"), "$TLS_URL", env.Getenv("TLS_URL"),
			"$BOARDS_URL", env.Getenv("BOARDS_URL"), "$BOARDS2_URL", env.Getenv("BOARDS2_URL")).Replace(string(data))
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit %d, want %d", got, want)
	}
}

// serverCommand plays the server:
//
//	server edit USER KIND TITLE FIELD VALUE
//	server wipe | mend
//	server break-queries DATASET MESSAGE
//	server break METHOD PATH login-page | cut N | truncate N | hostile-zip | status N | lie
func serverCommand(ts *testscript.TestScript, neg bool, args []string) {
	sim := ts.Value(simKey{}).(*supersettest.Server)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server VERB ARG...")
	}
	switch args[0] {
	case "wipe":
		sim.Wipe()
	case "mend":
		sim.Mend()
	case "edit":
		for _, o := range sim.Objects(args[2]) {
			if o.Title == args[3] {
				ts.Check(sim.EditAs(args[1], args[2], o.UUID, func(f map[string]any) { f[args[4]] = args[5] }))
				return
			}
		}
		ts.Fatalf("no %s %q", args[2], args[3])
	case "break-queries":
		for _, o := range sim.Objects(supersettest.Dataset) {
			if o.Title == args[1] {
				sim.BreakQueries(o.UUID, args[2])
				return
			}
		}
		ts.Fatalf("no dataset %q", args[1])
	case "break":
		sim.Break(supersettest.Fault{Method: args[1], Path: args[2], Do: behaviour(ts, args[3:])})
	default:
		ts.Fatalf("unknown verb %q", args[0])
	}
}

func behaviour(ts *testscript.TestScript, args []string) supersettest.Behaviour {
	number := func() int {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		return n
	}
	switch args[0] {
	case "login-page":
		return supersettest.LoginPage()
	case "cut":
		return supersettest.Cut(number())
	case "truncate":
		return supersettest.Truncate(number())
	case "hostile-zip":
		return supersettest.Replace(supersettest.HostileZip())
	case "status":
		return supersettest.Status(number())
	case "lie":
		return supersettest.Lie()
	}
	ts.Fatalf("unknown behaviour %q", args[0])
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) { next.ServeHTTP(w, r) }
}

func replaceCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace OLD NEW FILE")
	}
	text := ts.ReadFile(args[2])
	old, changed := strings.ReplaceAll(args[0], `\n`, "\n"), strings.ReplaceAll(args[1], `\n`, "\n")
	if n := strings.Count(text, old); n != 1 {
		ts.Fatalf("%s holds %q %d times", args[2], args[0], n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Replace(text, old, changed, 1)), 0o644))
}
