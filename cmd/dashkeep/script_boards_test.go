package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dashkeep/dashkeep/internal/platform/matih/matihtest"
)

type boardsKey string

// boardServers starts two simulated servers of the BI dashboards API: $BOARDS_URL,
// filled with the examples, and $BOARDS2_URL, empty and with ids of its own.
func boardServers(env *testscript.Env) error {
	ann := matihtest.User{ID: "user-ann", Email: "ann@example.com", Password: "ann", Tenant: matihtest.Tenant, Roles: []string{"viewer"}}
	for i, name := range []string{"BOARDS", "BOARDS2"} {
		s := matihtest.New(matihtest.WithUsers(matihtest.Admin(), ann), matihtest.WithSeed(uint16(i+1)), matihtest.WithUpdatedAt())
		if i == 0 {
			if err := s.SeedExamples(); err != nil {
				return err
			}
		}
		srv := httptest.NewServer(s)
		env.Defer(srv.Close)
		env.Values[boardsKey(name)] = s
		env.Setenv(name+"_URL", srv.URL)
	}
	env.Setenv("BOARDS_PASSWORD", matihtest.Admin().Password)
	env.Setenv("BOARDS_SECRET", matihtest.Secret)
	return nil
}

// boardsCommand plays the first server of the BI dashboards API, or the second
// when the first argument is 2. Dashboards and widgets go by name:
//
//	boards [2] edit DASHBOARD FIELD JSON
//	boards [2] widget DASHBOARD WIDGET FIELD JSON
//	boards [2] remove DASHBOARD | hide DASHBOARD | wipe | mend | lie
//	boards [2] has DASHBOARD TEXT       it, or one of its widgets, holds the text
//	boards [2] shared DASHBOARD TEXT    what was last sent to share holds the text
//	boards [2] writes N                 since the start
func boardsCommand(ts *testscript.TestScript, neg bool, args []string) {
	name := "BOARDS"
	if len(args) > 0 && args[0] == "2" {
		name, args = "BOARDS2", args[1:]
	}
	s := ts.Value(boardsKey(name)).(*matihtest.Server)
	if len(args) == 0 {
		ts.Fatalf("usage: boards VERB ARG...")
	}
	id := func() string {
		id := s.Named(args[1])
		if id == "" {
			ts.Fatalf("there is not just one dashboard %q", args[1])
		}
		return id
	}
	switch verb := args[0]; verb {
	case "edit", "widget":
		ts.Check(s.EditAs(matihtest.Admin().ID, id(), func(d map[string]any) { changeBoard(ts, verb, d, args[2:]) }))
	case "remove":
		ts.Check(s.Remove(id()))
	case "hide":
		s.Hide(id(), true)
	case "wipe":
		s.Wipe()
	case "mend":
		s.Mend()
	case "lie":
		s.Break(matihtest.Fault{Route: matihtest.PutWidget, Do: matihtest.Lie()})
	case "has", "shared":
		found := holds(ts, verb, s, id(), args[2])
		if found == neg {
			ts.Fatalf("%s %s %q: %t", args[1], verb, args[2], found)
		}
	case "writes":
		if got := fmt.Sprint(s.Writes()); got != args[1] {
			ts.Fatalf("%s writes, want %s", got, args[1])
		}
	default:
		ts.Fatalf("unknown verb %q", verb)
	}
}

func holds(ts *testscript.TestScript, verb string, s *matihtest.Server, id, text string) bool {
	var what any = s.Shares(id)
	if verb == "has" {
		what, _ = s.Dashboard(id)
	}
	data, err := json.Marshal(what)
	ts.Check(err)
	return strings.Contains(string(data), text)
}

func changeBoard(ts *testscript.TestScript, verb string, d map[string]any, args []string) {
	object := d
	if verb == "widget" {
		object = nil
		for _, w := range d["widgets"].([]any) {
			if m := w.(map[string]any); m["name"] == args[0] {
				object = m
			}
		}
		args = args[1:]
	}
	if object == nil {
		ts.Fatalf("there is no such widget")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(args[1]), &v))
	object[args[0]] = v
}
