package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// rightsCommand plays an administrator of the simulated Superset:
//
//	rights fill                       a role Finance, a row-level security rule and two reports
//	rights grant ROLE PERMISSION...   the permissions of a role
//	rights drop KIND NAME             deletes a report, rule or role
//	rights shows KIND NAME TEXT...    its JSON, or a role's permissions, hold each text (or not, after !)
func rightsCommand(ts *testscript.TestScript, neg bool, args []string) {
	ctx := context.Background()
	if len(args) == 0 || neg && args[0] != "shows" {
		ts.Fatalf("usage: rights VERB ARG...")
	}
	c, err := supersettest.Login(ctx, ts.Getenv("URL"), "admin", password)
	ts.Check(err)
	switch args[0] {
	case "fill":
		ts.Check(fillRights(ctx, c))
	case "grant":
		ts.Check(c.Grant(ctx, args[1], args[2:]...))
	case "drop":
		if args[1] == "role" {
			ts.Check(c.DropRole(ctx, args[2]))
			return
		}
		row, _, err := findRight(ctx, c, args[1], args[2])
		ts.Check(err)
		ts.Check(c.Remove(ctx, rightsPath(args[1]), row))
	case "shows":
		text, err := describeRight(ctx, c, args[1], args[2])
		ts.Check(err)
		for _, want := range args[3:] {
			if strings.Contains(text, want) == neg {
				ts.Fatalf("%s %q holds %q: %t\n%s", args[1], args[2], want, !neg, text)
			}
		}
	default:
		ts.Fatalf("unknown verb %q", args[0])
	}
}

func fillRights(ctx context.Context, c *supersettest.Client) error {
	const board = "Sales Dashboard"
	if err := c.Grant(ctx, "Finance", "can_read on Chart", "can_read on Dashboard", "datasource_access on [examples].[cleaned_sales_data]("); err != nil {
		return err
	}
	if _, err := c.Add(ctx, supersettest.Rule, map[string]any{"name": "EMEA only", "filter_type": "Regular", "tables": []string{"cleaned_sales_data"},
		"roles": []string{"Finance"}, "clause": "territory = 'EMEA'"}); err != nil {
		return err
	}
	for _, r := range []map[string]any{
		{"name": "Daily sales", "recipients": []any{map[string]any{"type": "Email", "recipient_config_json": map[string]any{"target": "finance@example.com"}}}},
		{"name": "Posted sales", "recipients": []any{map[string]any{"type": "Webhook", "recipient_config_json": map[string]any{"target": "https://hooks.example.com/FAKE-hook-s3cret"}}}},
	} {
		r["type"], r["crontab"], r["dashboard"], r["creation_method"] = "Report", "0 8 * * *", board, "alerts_reports"
		if _, err := c.Add(ctx, supersettest.Report, r); err != nil {
			return err
		}
	}
	return nil
}

func rightsPath(kind string) string {
	if kind == "rls" {
		return supersettest.Rule
	}
	return kind
}

func findRight(ctx context.Context, c *supersettest.Client, kind, name string) (int, map[string]any, error) {
	items, err := c.List(ctx, rightsPath(kind))
	if err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(items, func(it supersettest.Item) bool { return it.Title == name })
	if i < 0 {
		return 0, nil, fmt.Errorf("no %s %q", kind, name)
	}
	object, err := c.Object(ctx, rightsPath(kind), items[i].ID)
	return items[i].ID, object, err
}

func describeRight(ctx context.Context, c *supersettest.Client, kind, name string) (string, error) {
	if kind == "role" {
		granted, err := c.Granted(ctx, name)
		return strings.Join(granted, "\n"), err
	}
	_, object, err := findRight(ctx, c, kind, name)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(object)
	return string(text), err
}
